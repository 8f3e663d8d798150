package review

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/labelloop/labelloop/internal/guard"
	"github.com/labelloop/labelloop/internal/label"
)

// pictureTypes are what may be served as an item's picture, whatever its file is called.
var pictureTypes = []string{"image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"}

// getMedia serves the picture of an item.
//
// Only pictures of the project's items are served, each from inside a folder that it can't leave, by a link either
// (os.Root). A path that the project keeps relative lies in the project's folder. An absolute one was outside of it when it was
// imported: where the item was the file itself, the person who imported it named that file or a folder around it, and it is
// looked for in its own folder; where a table named it, anybody may have written the table, and it must lie in one of
// Config.Folders.
func (s *Server) getMedia(w http.ResponseWriter, r *http.Request, _ string) {
	number, err := itemOf(r)
	if err == nil {
		err = s.servePicture(w, r, number)
	}
	if err != nil {
		guard.Refuse(w, guard.Status(err), err.Error())
	}
}

func (s *Server) servePicture(w http.ResponseWriter, r *http.Request, number int64) error {
	records, err := s.Store.Records(r.Context(), []int64{number})
	if err != nil {
		return err
	}
	it := records[0].Item
	if it.Image == "" {
		return label.Errorf(label.ErrNotFound, "item %d has no picture", number)
	}
	file, err := s.picture(it)
	if err != nil {
		return label.Errorf(label.ErrNotFound, "picture of item %d: %w", number, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return label.Errorf(label.ErrNotFound, "picture of item %d: %w", number, err)
	}
	begin := make([]byte, 512)
	n, err := io.ReadFull(file, begin)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return label.Errorf(label.ErrNotFound, "picture of item %d: %w", number, err)
	}
	kind := http.DetectContentType(begin[:n])
	if !slices.Contains(pictureTypes, kind) {
		return label.Errorf(label.ErrNotFound, "item %d: the file is no picture that browsers show (JPEG, PNG, WebP, GIF, BMP)", number)
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", "private, max-age=3600")
	http.ServeContent(w, r, "", info.ModTime(), file)
	return nil
}

// picture opens the picture of an item inside the folder where it may lie.
func (s *Server) picture(it label.Item) (*os.File, error) {
	if !filepath.IsAbs(it.Image) {
		return openRegular(s.home, it.Image)
	}
	for _, folder := range s.folders {
		if name, err := filepath.Rel(folder.Name(), it.Image); err == nil && filepath.IsLocal(name) {
			return openRegular(folder, name)
		}
	}
	if it.Place.Line > 0 {
		return nil, errors.New("it lies outside of the project, where a table says; start `labelloop review --images DIR` with a folder around it")
	}
	folder, err := os.OpenRoot(filepath.Dir(it.Image))
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	return openRegular(folder, filepath.Base(it.Image))
}

// openRegular opens a file that is one: reading a pipe or a device might never end.
func openRegular(folder *os.Root, name string) (*os.File, error) {
	info, err := folder.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	return folder.Open(name)
}
