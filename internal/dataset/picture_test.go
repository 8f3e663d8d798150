package dataset

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
)

// readPictures gives "id|content" or "id: error" of each item.
func readPictures(t *testing.T, inputs []string, c Columns) (lines []string, s *Source) {
	t.Helper()
	c.Images = true
	s, err := Open(inputs, "", c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for {
		items, err := s.Next(t.Context(), 2)
		for _, it := range items {
			lines = append(lines, describePicture(it))
		}
		if errors.Is(err, io.EOF) {
			return lines, s
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func describePicture(it label.Item) string {
	err := it.Err
	if err == nil {
		var data []byte
		if data, err = it.Load(); err == nil {
			return it.ID + "|" + string(data)
		}
		err = it.Place.Errorf("%w", err)
	}
	return it.ID + ": " + err.Error()
}

// folderOf writes files, whose content is their name.
func folderOf(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFoldersGiveTheirPicturesInOrder(t *testing.T) {
	dir := folderOf(t, "b.PNG", "a/2.jpg", "a/1.webp", "notes.txt", ".hidden.jpg", ".git/x.jpg", "c.tiff")
	lines, s := readPictures(t, []string{dir}, Columns{})
	if want := []string{"a/1.webp|a/1.webp", "a/2.jpg|a/2.jpg", "b.PNG|b.PNG", "c.tiff|c.tiff"}; !slices.Equal(lines, want) {
		t.Errorf("items are %v", lines)
	}
	if s.Skipped() != 2 {
		t.Errorf("%d files are stepped over, want 2", s.Skipped())
	}
	if done, total := s.Progress(); done != total || total == 0 {
		t.Errorf("progress is %d of %d", done, total)
	}
	again, err := Open([]string{dir}, "", Columns{Images: true})
	if err != nil || again.Fingerprint() != s.Fingerprint() {
		t.Errorf("fingerprint changes from run to run: %v", err)
	}
}

func TestLinksStayInTheFolderAndDoNotLoop(t *testing.T) {
	dir, outside := folderOf(t, "a.jpg", "sub/b.jpg"), folderOf(t, "secret.jpg")
	for name, target := range map[string]string{
		"loop": ".", "self.jpg": "self.jpg", "out.jpg": filepath.Join(outside, "secret.jpg"), "in.jpg": "a.jpg", "lost.jpg": "nowhere",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	lines, _ := readPictures(t, []string{dir}, Columns{})
	for i, want := range []string{"a.jpg|a.jpg", "in.jpg|a.jpg", "loop: ", "lost.jpg: ", "out.jpg: ", "self.jpg: ", "sub/b.jpg|sub/b.jpg"} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
			t.Fatalf("items are\n%s", strings.Join(lines, "\n"))
		}
	}
	if len(lines) != 7 || !strings.Contains(lines[2], "link to a folder") || !strings.Contains(lines[4], "escapes") {
		t.Errorf("items are\n%s", strings.Join(lines, "\n"))
	}
}

func TestNamedFilesAndPatterns(t *testing.T) {
	dir := folderOf(t, "a.jpg", "b.jpg", "c.png")
	at := func(name string) string { return filepath.Join(dir, name) }
	lines, _ := readPictures(t, []string{at("c.png"), at("*.jpg"), at("lost.gif")}, Columns{})
	want := []string{at("c.png") + "|c.png", at("a.jpg") + "|a.jpg", at("b.jpg") + "|b.jpg"}
	if len(lines) != 4 || !slices.Equal(lines[:3], want) || !strings.Contains(lines[3], "no such file") {
		t.Errorf("items are %v", lines)
	}
	if _, err := Open([]string{at("*.bmp")}, "", Columns{Images: true}); err == nil || !strings.Contains(err.Error(), "no file matches") {
		t.Errorf("pattern without a match: %v", err)
	}
}

func TestTablesListPictures(t *testing.T) {
	dir := folderOf(t, "pics/a.jpg", "pics/b.jpg")
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	table := write("t.csv", "id,path,label\n1,pics/a.jpg,cat\n2,../../etc/passwd,x\n3,"+filepath.Join(dir, "pics", "b.jpg")+",dog\n4,/etc/passwd,x\n5,pics/none.jpg,x\n6,pics,x\n")
	lines, _ := readPictures(t, []string{table}, Columns{})
	for i, want := range []string{"1|pics/a.jpg", "2: ", "3|pics/b.jpg", "4: ", "5: ", "6: "} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
			t.Fatalf("items are\n%s", strings.Join(lines, "\n"))
		}
	}
	for _, i := range []int{1, 3} {
		if !strings.Contains(lines[i], "--image-root") {
			t.Errorf("%s: names no remedy", lines[i])
		}
	}
	lines, _ = readPictures(t, []string{write("t.jsonl", `{"image":"a.jpg"}`+"\n"+`"b.jpg"`+"\n")}, Columns{Root: filepath.Join(dir, "pics")})
	if want := []string{"t.jsonl:1|pics/a.jpg", "t.jsonl:2|pics/b.jpg"}; !slices.Equal(lines, want) {
		t.Errorf("items are %v", lines)
	}
	lines, _ = readPictures(t, []string{write("t.txt", "pics/b.jpg\n")}, Columns{})
	if want := []string{"t.txt:1|pics/b.jpg"}; !slices.Equal(lines, want) {
		t.Errorf("items are %v", lines)
	}
}

// archived is a member of an archive that a test writes.
type archived struct {
	name, data string
	link       bool
}

func zipOf(t testing.TB, members []archived) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Deflate}
		if m.link {
			h.SetMode(os.ModeSymlink | 0o777)
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(f, m.data)
	}
	w.Close()
	return b.Bytes()
}

func tarOf(t testing.TB, members []archived) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Mode: 0o644, Size: int64(len(m.data)), Typeflag: tar.TypeReg}
		if m.link {
			h.Typeflag, h.Linkname, h.Size, m.data = tar.TypeSymlink, m.data, 0, ""
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, m.data)
	}
	w.Close()
	return b.Bytes()
}

func gzipOf(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(data)
	w.Close()
	return b.Bytes()
}

func TestArchives(t *testing.T) {
	members := []archived{
		{name: "d/a.jpg", data: "A"}, {name: "readme.md", data: "r"}, {name: "../../evil.jpg", data: "E"}, {name: "/abs.jpg", data: "E"},
		{name: `..\win.jpg`, data: "E"}, {name: "link.jpg", data: "/etc/passwd", link: true}, {name: "b.png", data: "B"},
	}
	for name, data := range map[string][]byte{"x.zip": zipOf(t, members), "x.tar": tarOf(t, members), "x.tar.gz": gzipOf(tarOf(t, members)), "x.tgz": gzipOf(tarOf(t, members))} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		lines, s := readPictures(t, []string{path}, Columns{})
		if len(lines) != 6 || lines[0] != "d/a.jpg|A" || lines[5] != "b.png|B" || s.Skipped() != 1 {
			t.Errorf("%s: items are\n%s", name, strings.Join(lines, "\n"))
			continue
		}
		for _, line := range lines[1:4] {
			if !strings.Contains(line, "leads out") {
				t.Errorf("%s: %s", name, line)
			}
		}
		if !strings.Contains(lines[4], "a link") {
			t.Errorf("%s: %s", name, lines[4])
		}
		if done, total := s.Progress(); done != total {
			t.Errorf("%s: progress is %d of %d", name, done, total)
		}
	}
}

func TestDamagedArchives(t *testing.T) {
	var members []archived
	for i := range 20 {
		members = append(members, archived{name: fmt.Sprintf("%02d.jpg", i), data: strings.Repeat("x", 5000)})
	}
	path := filepath.Join(t.TempDir(), "x.tar")
	if err := os.WriteFile(path, tarOf(t, members)[:50_000], 0o644); err != nil {
		t.Fatal(err)
	}
	lines, _ := readPictures(t, []string{path}, Columns{})
	if n := len(lines); n < 2 || !strings.Contains(strings.Join(lines[n-2:], " "), "unexpected EOF") {
		t.Errorf("items are\n%s", strings.Join(lines, "\n"))
	}
	path = filepath.Join(t.TempDir(), "x.zip")
	if err := os.WriteFile(path, zipOf(t, members)[:1000], 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open([]string{path}, "", Columns{Images: true}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("zip without a directory: %v", err)
	}
}

func FuzzArchives(f *testing.F) {
	members := []archived{{name: "a.jpg", data: "A"}, {name: "../b.jpg", data: "B"}, {name: "c.jpg", link: true, data: "a.jpg"}}
	f.Add(zipOf(f, members), ".zip")
	f.Add(tarOf(f, members), ".tar")
	f.Add(gzipOf(tarOf(f, members)), ".tgz")
	f.Fuzz(func(t *testing.T, data []byte, ext string) {
		if archiveOf(ext) == nil {
			return
		}
		path := filepath.Join(t.TempDir(), "x"+filepath.Base(ext))
		if os.WriteFile(path, data, 0o644) != nil {
			return
		}
		s, err := Open([]string{path}, "", Columns{Images: true})
		if err != nil {
			return
		}
		defer s.Close()
		for range 20 {
			items, err := s.Next(t.Context(), 8)
			for _, it := range items {
				describePicture(it)
				if it.Err == nil && strings.Contains(it.Image, "..") && !filepath.IsLocal(it.ID) {
					t.Fatalf("%s leads out", it.ID)
				}
			}
			if err != nil {
				return
			}
		}
	})
}
