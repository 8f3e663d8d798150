package models

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"time"
)

// Archives that a bundle can be.
const (
	TarGzip = "tar.gz"
	Zip     = "zip"
)

// signatureName is the file of a bundle that holds the Ed25519 signature (RFC 8032) of the bytes of manifest.json, which holds
// the digests of everything else.
const signatureName = "manifest.json.sig"

// packer takes the files of a bundle, one after the other.
type packer interface {
	create(name string, size int64) (io.Writer, error)
	Close() error
}

// Bundle writes the model as one archive: a folder NAME-VERSION with manifest.json first, its digest, its signature where
// there is a key, and the files as the manifest lists them. The same model makes the same bytes. Every file is compared with
// its digest on the way; where one differs the error wraps ErrDamaged, and what was written is no bundle.
func (m *Model) Bundle(ctx context.Context, w io.Writer, format string, key ed25519.PrivateKey) error {
	f, err := openFolder(m.Dir)
	if err != nil {
		return err
	}
	defer f.Close()
	manifest, err := m.manifestBytes(f)
	if err != nil {
		return err
	}
	var p packer
	switch format {
	case TarGzip:
		p = newTarPacker(w)
	case Zip:
		p = zipPacker{zip.NewWriter(w)}
	default:
		return fmt.Errorf("bundle %s: archive %q: choose %s or %s", m, format, TarGzip, Zip)
	}
	folder := m.Manifest.Name + "-" + m.Manifest.Version + "/"
	put := func(name string, data []byte) error {
		to, err := p.create(folder+name, int64(len(data)))
		if err != nil {
			return err
		}
		_, err = to.Write(data)
		return err
	}
	if err := put(manifestName, manifest); err != nil {
		return fmt.Errorf("bundle %s: %w", m, err)
	}
	if err := put(sumName, sumLine(manifest)); err != nil {
		return fmt.Errorf("bundle %s: %w", m, err)
	}
	if key != nil {
		if err := put(signatureName, ed25519.Sign(key, manifest)); err != nil {
			return fmt.Errorf("bundle %s: %w", m, err)
		}
	}
	for _, want := range m.Manifest.Files {
		to, err := p.create(folder+want.Path, want.Size)
		if err != nil {
			return fmt.Errorf("bundle %s: %w", m, err)
		}
		if err := f.pack(ctx, to, want); err != nil {
			return fmt.Errorf("bundle %s: %w", m, err)
		}
	}
	if err := p.Close(); err != nil {
		return fmt.Errorf("bundle %s: %w", m, err)
	}
	return nil
}

// manifestBytes gives manifest.json as it stands, or for a bare export as it would be written.
func (m *Model) manifestBytes(f *folder) ([]byte, error) {
	if !f.has(manifestName) {
		return m.Manifest.encode()
	}
	if what := f.compareManifest(); what != "" {
		return nil, fmt.Errorf("bundle %s: %s: %s: %w", m, f.path(manifestName), what, ErrDamaged)
	}
	return f.read(manifestName)
}

// pack copies a file that is as the manifest lists it.
func (f *folder) pack(ctx context.Context, to io.Writer, want File) error {
	file, info, err := f.open(want.Path)
	if err != nil {
		return err
	}
	defer file.Close()
	if info.Size() != want.Size {
		return fmt.Errorf("%s: %d bytes, the manifest says %d: %w", f.path(want.Path), info.Size(), want.Size, ErrDamaged)
	}
	_, sum, err := copyDigest(ctx, to, file)
	if err != nil {
		return fmt.Errorf("read %s: %w", f.path(want.Path), cause(err))
	}
	if sum != want.SHA256 {
		return fmt.Errorf("%s: sha256 %s, the manifest says %s: %w", f.path(want.Path), sum, want.SHA256, ErrDamaged)
	}
	return nil
}

// tarPacker makes a tar archive, compressed by gzip. Weights are hardly smaller for it, so it does not try hard.
type tarPacker struct {
	*tar.Writer
	compressed *gzip.Writer
}

func newTarPacker(w io.Writer) tarPacker {
	compressed, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		panic(err) // there is such a level
	}
	return tarPacker{tar.NewWriter(compressed), compressed}
}

func (t tarPacker) create(name string, size int64) (io.Writer, error) {
	return t, t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o444, ModTime: time.Unix(0, 0)})
}

func (t tarPacker) Close() error {
	if err := t.Writer.Close(); err != nil {
		return err
	}
	return t.compressed.Close()
}

type zipPacker struct{ *zip.Writer }

func (z zipPacker) create(name string, size int64) (io.Writer, error) {
	return z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, UncompressedSize64: uint64(size)})
}
