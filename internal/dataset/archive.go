package dataset

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/labelloop/labelloop/internal/label"
)

// archiveOf tells an archive by its name and gives what reads it.
func archiveOf(name string) func(in *input, prefix string, digest io.Writer) (reader, error) {
	name = strings.ToLower(name)
	switch {
	case strings.HasSuffix(name, ".zip"):
		return openZip
	case strings.HasSuffix(name, ".tar"), strings.HasSuffix(name, ".tar.gz"), strings.HasSuffix(name, ".tgz"):
		return openTar
	}
	return nil
}

// member makes the item of a picture in an archive. Nothing is ever unpacked to disk, but names go into the output.
func (in *input) member(prefix, name string, mode fs.FileMode, data func() ([]byte, error)) label.Item {
	name = strings.ReplaceAll(name, "\\", "/")
	it := picture(prefix+name, in.path+"/"+name, nil)
	fail := func(err error) label.Item {
		it.Err = it.Place.Errorf("%w", err)
		return it
	}
	if !filepath.IsLocal(name) {
		return fail(badf("the name leads out of the archive"))
	}
	if !mode.IsRegular() {
		return fail(badf("a link or device; put the picture itself into the archive"))
	}
	held, err := data()
	if err != nil {
		return fail(err)
	}
	it.Load, it.Held = func() ([]byte, error) { return held, nil }, len(held)
	return it
}

// readMember reads a picture whose archive may lie about its size.
func readMember(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxPicture+1))
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	if len(data) > maxPicture {
		return nil, badf("over %d MiB", maxPicture>>20)
	}
	return data, nil
}

// zipReader gives the pictures of a zip archive in the order of its directory.
type zipReader struct {
	in     *input
	prefix string
	files  []*zip.File
	at     int
}

func openZip(in *input, prefix string, digest io.Writer) (reader, error) {
	file, err := os.Open(in.path)
	if err != nil {
		return nil, err
	}
	in.file = file
	archive, err := zip.NewReader(file, in.size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, fmt.Errorf("read %s: %w; copy or pack it again", in.path, err)
	}
	r := &zipReader{in: in, prefix: prefix}
	in.rows, in.skipped = new(float64), 0
	for _, f := range archive.File {
		if f.FileInfo().IsDir() {
			continue
		}
		if !isPicture(f.Name) {
			in.skipped++
			continue
		}
		fmt.Fprintf(digest, "%q %d %x\n", f.Name, f.UncompressedSize64, f.CRC32)
		r.files = append(r.files, f)
	}
	return r, nil
}

func (r *zipReader) next() (label.Item, error) {
	if r.at == len(r.files) {
		return label.Item{}, io.EOF
	}
	f := r.files[r.at]
	r.at++
	*r.in.rows = float64(r.at) / float64(len(r.files))
	return r.in.member(r.prefix, f.Name, f.Mode(), func() ([]byte, error) {
		if f.UncompressedSize64 > maxPicture {
			return nil, badf("%d MiB; a picture may have %d", f.UncompressedSize64>>20, maxPicture>>20)
		}
		file, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("unpack: %w", err)
		}
		defer file.Close()
		return readMember(file)
	}), nil
}

// tarReader gives the pictures of a tar archive, which may be packed by gzip, in order.
type tarReader struct {
	in     *input
	prefix string
	tar    *tar.Reader
	ended  bool
}

func openTar(in *input, prefix string, digest io.Writer) (reader, error) {
	file, err := os.Open(in.path)
	if err != nil {
		return nil, err
	}
	in.file = file
	head := make([]byte, headSize)
	n, err := io.ReadFull(file, head)
	if err != nil && err != io.ErrUnexpectedEOF {
		return nil, fmt.Errorf("read %s: %w", in.path, err)
	}
	fmt.Fprintf(digest, "%q %d %x\n", in.name, in.size, head[:n])
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	in.raw, in.skipped = &counter{src: file}, 0
	var unpacked io.Reader = bufio.NewReaderSize(in.raw, headSize)
	if slices.Equal(head[:2], []byte("\x1f\x8b")) {
		if unpacked, err = gzip.NewReader(unpacked); err != nil {
			return nil, fmt.Errorf("read %s: %w", in.path, err)
		}
	}
	return &tarReader{in: in, prefix: prefix, tar: tar.NewReader(unpacked)}, nil
}

func (r *tarReader) next() (label.Item, error) {
	for !r.ended {
		h, err := r.tar.Next()
		switch {
		case err == io.EOF:
			return label.Item{}, io.EOF
		case err != nil && !errors.Is(err, tar.ErrInsecurePath):
			// Nothing can be read past the damage: one record stands for the rest.
			r.ended = true
			it := picture(r.prefix+"...", r.in.path, nil)
			it.Err = it.Place.Errorf("the archive is cut off or damaged, and what follows is lost; copy or pack it again: %w", err)
			return it, nil
		case h.Typeflag == tar.TypeDir:
			continue
		case !isPicture(h.Name):
			r.in.skipped++
			continue
		}
		mode := fs.FileMode(0)
		if h.Typeflag != tar.TypeReg {
			mode = fs.ModeIrregular
		}
		return r.in.member(r.prefix, h.Name, mode, func() ([]byte, error) { return readMember(r.tar) }), nil
	}
	return label.Item{}, io.EOF
}
