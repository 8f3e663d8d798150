package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Options say what to pull.
type Options struct {
	Repo      string // OWNER/NAME
	Revision  string // branch, tag or commit
	Precision string // fp32 or an ending of a graph's name: fp16, int8, quantized, ...
	Dir       string // folder to keep downloads in until they are whole

	// Progress is told the bytes had of those wanted, and the file that is being fetched; may be nil.
	Progress func(done, total int64, file string)
}

// attempts is how often a file is asked for when the connection breaks.
const attempts = 5

// Pull fetches a model into a folder below Dir and gives that folder. Files that an earlier Pull left are gone on with, or
// kept where they are whole. Each has the size and the digest that the hub lists, or the error wraps ErrDigest and the
// file is removed.
func (c *Client) Pull(ctx context.Context, o Options) (string, error) {
	repo, err := c.list(ctx, o.Repo, o.Revision)
	if err != nil {
		return "", err
	}
	files, err := repo.choose(o.Precision)
	if err != nil {
		return "", fmt.Errorf("pull %s: %w", o.Repo, err)
	}
	// A commit is what it is for ever, so what lies there of it can be used.
	dir := filepath.Join(o.Dir, strings.ReplaceAll(o.Repo, "/", "--")+"-"+repo.Commit[:12], path.Base(o.Repo))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	p := &pull{Client: c, root: root, prefix: "/" + o.Repo + "/resolve/" + repo.Commit + "/", progress: o.Progress}
	for _, f := range files {
		p.total += f.size()
	}
	for _, f := range files {
		if err := p.fetch(ctx, f); err != nil {
			return "", fmt.Errorf("pull %s: %s: %w", o.Repo, f.Name, err)
		}
		p.done += f.size()
	}
	return dir, nil
}

// pull is the state of one Pull.
type pull struct {
	*Client
	root        *os.Root
	prefix      string // of the path of each file
	done, total int64
	progress    func(done, total int64, file string)
}

// fetch gets one file, under another name until it is whole.
func (p *pull) fetch(ctx context.Context, f file) error {
	name := filepath.FromSlash(f.Name)
	if info, err := p.root.Stat(name); err == nil && info.Size() == f.size() && p.check(name, f) == nil {
		return nil
	}
	if err := p.root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	part := name + ".part"
	var err error
	for range attempts {
		if err = p.download(ctx, part, f); err == nil || ctx.Err() != nil || !errors.Is(err, errBroken) {
			break
		}
	}
	if err == nil {
		err = p.check(part, f)
	}
	switch {
	case errors.Is(err, ErrDigest):
		return errors.Join(err, p.root.Remove(part))
	case err != nil:
		return err
	}
	return p.root.Rename(part, name)
}

// errBroken is a connection that ended early; what came is kept.
var errBroken = errors.New("the connection broke off")

// download goes on with a part where there is one.
func (p *pull) download(ctx context.Context, part string, f file) error {
	out, err := p.root.OpenFile(part, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	have, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if have > f.size() {
		have = 0
	}
	if have == f.size() && have > 0 {
		return nil
	}
	var escaped []string
	for _, step := range strings.Split(f.Name, "/") {
		escaped = append(escaped, url.PathEscape(step))
	}
	res, err := p.get(ctx, p.prefix+strings.Join(escaped, "/"), have)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusPartialContent {
		have = 0 // the server sends all of it
	}
	if err := out.Truncate(have); err != nil {
		return err
	}
	if _, err := out.Seek(have, io.SeekStart); err != nil {
		return err
	}
	// One byte more than there should be tells a file that is too long from one that is right.
	n, err := io.Copy(out, &meter{r: io.LimitReader(res.Body, f.size()-have+1), p: p, have: have, file: f.Name})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("%w after %d of %d bytes: %w", errBroken, have+n, f.size(), err)
	case have+n < f.size():
		return fmt.Errorf("%w after %d of %d bytes", errBroken, have+n, f.size())
	}
	return out.Sync()
}

// check compares a file with the hub's digest: SHA-256 for LFS, git's blob SHA-1 for others.
func (p *pull) check(name string, f file) error {
	in, err := p.root.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	var digest hash.Hash
	want := f.Blob
	if f.LFS != nil {
		digest, want = sha256.New(), f.LFS.SHA256
	} else {
		digest = sha1.New()
		fmt.Fprintf(digest, "blob %d\x00", f.Size)
	}
	n, err := io.Copy(digest, in)
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(digest.Sum(nil)); got != want || n != f.size() {
		return fmt.Errorf("%d bytes with digest %s, the hub lists %d with %s: %w", n, got, f.size(), want, ErrDigest)
	}
	return nil
}

// meter tells how far a download has come.
type meter struct {
	r    io.Reader
	p    *pull
	have int64
	file string
}

func (m *meter) Read(b []byte) (int, error) {
	n, err := m.r.Read(b)
	m.have += int64(n)
	if m.p.progress != nil {
		m.p.progress(m.p.done+m.have, m.p.total, m.file)
	}
	return n, err
}
