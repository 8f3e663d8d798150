package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// digested is what is remembered of a file's content, and how the file looked then.
type digested struct {
	Size   int64  `json:"size"`
	Time   int64  `json:"mtime_ns"`
	Inode  uint64 `json:"inode"`
	SHA256 string `json:"sha256"`
}

// digest fills in the SHA-256 of the files of a bare directory. Digests are kept in the user's cache directory, so
// that a start doesn't read every weight twice: a file whose size, time and inode are unchanged is taken to be
// unchanged. That is good enough to name a version by; Verify and Import read the bytes.
func (f *folder) digest(files []File) error {
	store := f.digestCache()
	old := readDigests(store)
	seen := make(map[string]digested, len(files))
	changed := false
	for i := range files {
		file, info, err := f.open(files[i].Path)
		if err != nil {
			return err
		}
		d := digested{Size: info.Size(), Time: info.ModTime().UnixNano(), Inode: inode(info)}
		if o := old[files[i].Path]; o.Size == d.Size && o.Time == d.Time && o.Inode == d.Inode && digestForm.MatchString(o.SHA256) {
			d.SHA256 = o.SHA256
		} else {
			files[i].Size, d.SHA256, err = copyDigest(context.Background(), io.Discard, file)
			changed = true
		}
		file.Close()
		if err != nil {
			return fmt.Errorf("read %s: %w", f.path(files[i].Path), cause(err))
		}
		files[i].SHA256 = d.SHA256
		// A file changed a moment ago may change again within the resolution of its time stamp.
		if time.Since(info.ModTime()) > 2*time.Second {
			seen[files[i].Path] = d
		}
	}
	if changed {
		writeDigests(store, seen)
	}
	return nil
}

// digestCache gives the file that remembers this directory's digests, "" where the user has no cache directory.
func (f *folder) digestCache() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	abs, err := filepath.Abs(f.dir)
	if err != nil {
		return ""
	}
	key := sha256.Sum256([]byte(abs))
	return filepath.Join(cache, "labelloop", "digests", hex.EncodeToString(key[:8])+".json")
}

// readDigests gives nothing for a cache that is missing or can't be read: the files are then read again.
func readDigests(store string) map[string]digested {
	var d map[string]digested
	if data, err := os.ReadFile(store); err == nil && json.Unmarshal(data, &d) != nil {
		return nil
	}
	return d
}

// writeDigests does what it can: without a writable cache the next start is slower, and that is all.
func writeDigests(store string, d map[string]digested) {
	data, err := json.Marshal(d)
	if err != nil || store == "" || os.MkdirAll(filepath.Dir(store), 0o755) != nil {
		return
	}
	temp, err := os.CreateTemp(filepath.Dir(store), ".digests-*")
	if err != nil {
		return
	}
	_, err = temp.Write(data)
	if temp.Close() != nil || err != nil || os.Rename(temp.Name(), store) != nil {
		os.Remove(temp.Name())
	}
}

// copyDigest copies r to w and gives the number of bytes and their SHA-256. It stops when ctx is cancelled.
func copyDigest(ctx context.Context, w io.Writer, r io.Reader) (int64, string, error) {
	h := sha256.New()
	buf := make([]byte, 1<<20)
	n, err := io.CopyBuffer(io.MultiWriter(w, h), untilDone(ctx, r), buf)
	return n, hex.EncodeToString(h.Sum(nil)), err
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// untilDone reads from r until ctx ends.
func untilDone(ctx context.Context, r io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return r.Read(p)
	})
}
