package models

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// maxBundle bounds what a bundle may unpack to.
const maxBundle = 64 << 30

// AddBundle unpacks a bundle into the registry as a new version of name; an empty name is the bundle's own. With a key the
// bundle has to be signed by it. A bundle is somebody else's data: only files that its manifest lists are taken, each once,
// no longer than listed and with the digest that is listed; anything else, such as a link or a path that leads elsewhere,
// ends it with an error that wraps ErrDamaged or ErrUnsafe, and nothing of it is kept.
func (r Registry) AddBundle(ctx context.Context, file, name string, trust ed25519.PublicKey) (*Model, error) {
	m, err := r.addBundle(ctx, file, name, trust)
	if err != nil {
		return nil, fmt.Errorf("import bundle %s: %w", file, err)
	}
	return m, nil
}

func (r Registry) addBundle(ctx context.Context, file, name string, trust ed25519.PublicKey) (*Model, error) {
	archive, err := os.Open(file)
	if err != nil {
		return nil, cause(err)
	}
	defer archive.Close()
	members, err := unpacker(archive)
	if err != nil {
		return nil, err
	}
	b := &bundle{members: members}
	if err := b.begin(trust); err != nil {
		return nil, err
	}
	if name == "" {
		name = b.manifest.Name
	}
	if !nameForm.MatchString(name) {
		return nil, fmt.Errorf("name %q: give one of letters, digits, '.', '_' and '-', 100 at most", name)
	}
	home, temp, err := r.stage(name)
	if err != nil {
		return nil, err
	}
	defer os.Remove(home) // does nothing when a version is in it
	defer os.RemoveAll(temp)
	if err := b.unpack(ctx, temp); err != nil {
		return nil, err
	}
	if err := sound(temp, b.manifest); err != nil {
		return nil, err
	}
	if err := publish(home, temp, b.manifest); err != nil {
		return nil, err
	}
	return entry{name: name, dir: home, versions: []string{b.manifest.Version}}.open(b.manifest.Version)
}

// sound refuses a model whose graphs reach beyond it, before it is listed.
func sound(dir string, m Manifest) error {
	f, err := openFolder(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.checkFiles(m)
}

// member is a file in an archive.
type member struct {
	name string
	size int64
	data io.Reader
}

// bundle is an archive that is being read.
type bundle struct {
	members  func() (member, error) // the next one; io.EOF at the end
	folder   string                 // that all members are in
	text     []byte                 // of manifest.json
	manifest Manifest
	ahead    *member // read, and still to be unpacked
}

// next gives the next member, its name without the folder.
func (b *bundle) next() (member, error) {
	if m := b.ahead; m != nil {
		b.ahead = nil
		return *m, nil
	}
	m, err := b.members()
	if err != nil {
		return m, err
	}
	folder, name, _ := strings.Cut(m.name, "/")
	if err := localPath(m.name); err != nil {
		return m, err
	}
	if b.folder == "" {
		b.folder = folder
	}
	if m.name = name; name == "" || folder != b.folder {
		return m, fmt.Errorf("%s/%s is not in the folder %s: %w", folder, name, b.folder, ErrDamaged)
	}
	return m, nil
}

// small reads the next member, which has to have that name.
func (b *bundle) small(name string) ([]byte, error) {
	m, err := b.next()
	if err == io.EOF || err == nil && m.name != name {
		return nil, fmt.Errorf("%s is not where labelloop models bundle puts it: %w", name, ErrDamaged)
	}
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(m.data, maxConfig+1))
	if err == nil && len(data) > maxConfig {
		err = fmt.Errorf("%s is over %d bytes: %w", name, maxConfig, ErrDamaged)
	}
	return data, damaged(name, err)
}

// begin reads what the other files are compared with.
func (b *bundle) begin(trust ed25519.PublicKey) (err error) {
	if b.text, err = b.small(manifestName); err != nil {
		return err
	}
	sum, err := b.small(sumName)
	if err != nil {
		return err
	}
	if !bytes.Equal(sum, sumLine(b.text)) {
		return fmt.Errorf("%s was changed since it was written: %w", manifestName, ErrDamaged)
	}
	if err := b.checkSignature(trust); err != nil {
		return err
	}
	if b.manifest, err = parseManifest(b.text); err != nil {
		return fmt.Errorf("parse %s: %w", manifestName, err)
	}
	left := int64(maxBundle)
	for _, f := range b.manifest.Files {
		if left -= min(f.Size, maxBundle+1); left < 0 {
			return fmt.Errorf("its files are over %d GiB: %w", maxBundle>>30, ErrDamaged)
		}
		if f.Path == signatureName {
			return fmt.Errorf("file %q: the name is taken: %w", f.Path, ErrDamaged)
		}
	}
	return nil
}

// checkSignature reads the signature, if there is one, and checks it, if there is a key.
func (b *bundle) checkSignature(trust ed25519.PublicKey) error {
	m, err := b.next()
	if err != nil && err != io.EOF {
		return err
	}
	if err == io.EOF || m.name != signatureName {
		if err == nil {
			b.ahead = &m
		}
		if trust != nil {
			return fmt.Errorf("it is not signed: %w", ErrUntrusted)
		}
		return nil
	}
	signature, err := io.ReadAll(io.LimitReader(m.data, ed25519.SignatureSize+1))
	if err != nil {
		return damaged(signatureName, err)
	}
	if trust != nil && !ed25519.Verify(trust, b.text, signature) {
		return fmt.Errorf("it is signed, but not by this key: %w", ErrUntrusted)
	}
	return nil
}

// unpack writes the files that the manifest lists.
func (b *bundle) unpack(ctx context.Context, dir string) error {
	to, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer to.Close()
	wanted := map[string]File{}
	for _, f := range b.manifest.Files {
		wanted[f.Path] = f
	}
	dirs := map[string]bool{".": true}
	for {
		m, err := b.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		want, listed := wanted[m.name]
		if !listed || m.size != want.Size {
			return fmt.Errorf("%s of %d bytes is not in its manifest, or twice in it: %w", m.name, m.size, ErrDamaged)
		}
		delete(wanted, m.name)
		for d := path.Dir(m.name); !dirs[d]; d = path.Dir(d) {
			dirs[d] = true
		}
		if err := unpackFile(ctx, to, m, want); err != nil {
			return err
		}
	}
	for name := range wanted {
		return fmt.Errorf("%s is missing: %w", name, ErrDamaged)
	}
	if err := writeSync(to, manifestName, b.text); err != nil {
		return err
	}
	if err := writeSync(to, sumName, sumLine(b.text)); err != nil {
		return err
	}
	for d := range dirs {
		if err := syncDir(filepath.Join(dir, filepath.FromSlash(d))); err != nil {
			return err
		}
	}
	return nil
}

func unpackFile(ctx context.Context, to *os.Root, m member, want File) error {
	name := filepath.FromSlash(m.name)
	if err := to.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	file, err := to.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return err
	}
	defer file.Close()
	size, sum, err := copyDigest(ctx, file, io.LimitReader(m.data, want.Size+1))
	if err != nil {
		return damaged(m.name, err)
	}
	if size != want.Size || sum != want.SHA256 {
		return fmt.Errorf("%s: sha256 %s and %d bytes are not what its manifest says: %w", m.name, sum, size, ErrDamaged)
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return file.Close()
}

// unpacker tells what an archive is by its first bytes, and gives its members in order.
func unpacker(file *os.File) (func() (member, error), error) {
	start := make([]byte, 4)
	n, err := io.ReadFull(file, start)
	if err != nil && n == 0 {
		return nil, fmt.Errorf("it is empty: %w", ErrDamaged)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(start, []byte{0x1f, 0x8b}):
		return untar(file)
	case bytes.HasPrefix(start, []byte("PK\x03\x04")):
		return unzip(file)
	}
	return nil, fmt.Errorf("it is neither %s nor %s: %w", TarGzip, Zip, ErrNotModel)
}

func untar(file io.Reader) (func() (member, error), error) {
	plain, err := gzip.NewReader(bufio.NewReader(file))
	if err != nil {
		return nil, damaged("archive", err)
	}
	archive := tar.NewReader(plain)
	return func() (member, error) {
		h, err := archive.Next()
		if err != nil {
			return member{}, damaged("archive", err)
		}
		if h.Typeflag != tar.TypeReg {
			return member{}, fmt.Errorf("%s is no regular file: %w", h.Name, ErrUnsafe)
		}
		return member{h.Name, h.Size, archive}, nil
	}, nil
}

func unzip(file *os.File) (func() (member, error), error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	archive, err := zip.NewReader(file, info.Size())
	if err != nil {
		return nil, damaged("archive", err)
	}
	next := 0
	return func() (member, error) {
		if next == len(archive.File) {
			return member{}, io.EOF
		}
		f := archive.File[next]
		next++
		if !f.Mode().IsRegular() {
			return member{}, fmt.Errorf("%s is no regular file: %w", f.Name, ErrUnsafe)
		}
		data, err := f.Open()
		if err != nil {
			return member{}, damaged(f.Name, err)
		}
		return member{f.Name, int64(min(f.UncompressedSize64, maxBundle+1)), data}, nil
	}, nil
}

// damaged says that an archive can't be read on; the end of it is none.
func damaged(name string, err error) error {
	if err == nil || err == io.EOF || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("read %s: %w: %w", name, err, ErrDamaged)
}
