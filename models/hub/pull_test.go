package hub

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

// fakeHub speaks the paths of a hub: the list of a revision, and files, those of LFS by way of another host.
type fakeHub struct {
	*httptest.Server
	storage *httptest.Server // where LFS files are
	files   map[string][]byte
	lfs     map[string]bool
	list    func(map[string]any) // changes an entry of the list
	cut     map[string]int       // bytes after which a file's first answer breaks off

	mu     sync.Mutex
	asked  []string // files and the ranges that were asked for
	tokens []string // what the storage was told
}

func newHub(t *testing.T) *fakeHub {
	weights := make([]byte, 300_000)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range weights {
		weights[i] = byte(random.Uint32())
	}
	h := &fakeHub{
		files: map[string][]byte{
			"config.json": []byte(`{"model_type":"bert"}`), "tokenizer.json": []byte(`{}`), "onnx/model.onnx": weights[:100],
			"onnx/model.onnx_data": weights, "onnx/model_fp16.onnx": weights[:50], "pytorch_model.bin": weights, "empty.txt": nil,
		},
		lfs: map[string]bool{"onnx/model.onnx": true, "onnx/model.onnx_data": true, "onnx/model_fp16.onnx": true},
		cut: map[string]int{},
	}
	h.storage = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.tokens = append(h.tokens, r.Header.Get("Authorization"))
		h.mu.Unlock()
		h.send(w, r, strings.TrimPrefix(r.URL.Path, "/"))
	}))
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.URL.Path == "/api/models/owner/name/revision/main" {
			h.answerList(w)
			return
		}
		name, ok := strings.CutPrefix(r.URL.Path, "/owner/name/resolve/"+commit+"/")
		switch {
		case !ok || h.files[name] == nil:
			w.WriteHeader(http.StatusNotFound)
		case h.lfs[name]:
			// By another name, for to net/http 127.0.0.1 with another port is the same host.
			http.Redirect(w, r, strings.Replace(h.storage.URL, "127.0.0.1", "localhost", 1)+"/"+name, http.StatusFound)
		default:
			h.send(w, r, name)
		}
	}))
	t.Cleanup(h.Server.Close)
	t.Cleanup(h.storage.Close)
	return h
}

func (h *fakeHub) answerList(w http.ResponseWriter) {
	var siblings []map[string]any
	for name, data := range h.files {
		blob := append(fmt.Appendf(nil, "blob %d\x00", len(data)), data...)
		entry := map[string]any{"rfilename": name, "size": len(data), "blobId": fmt.Sprintf("%x", sha1.Sum(blob))}
		if h.lfs[name] {
			entry["lfs"] = map[string]any{"sha256": fmt.Sprintf("%x", sha256.Sum256(data)), "size": len(data), "pointerSize": 134}
		}
		if h.list != nil {
			h.list(entry)
		}
		siblings = append(siblings, entry)
	}
	json.NewEncoder(w).Encode(map[string]any{"sha": commit, "siblings": siblings})
}

func (h *fakeHub) send(w http.ResponseWriter, r *http.Request, name string) {
	h.mu.Lock()
	h.asked = append(h.asked, name+" "+r.Header.Get("Range"))
	cut := h.cut[name]
	delete(h.cut, name)
	h.mu.Unlock()
	if cut == 0 {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(h.files[name]))
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(h.files[name])))
	w.Write(h.files[name][:cut])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func (h *fakeHub) pull(t *testing.T, dir, precision string) (string, error) {
	t.Helper()
	c, err := New(h.URL, "secret")
	if err != nil {
		t.Fatal(err)
	}
	return c.Pull(t.Context(), Options{Repo: "owner/name", Revision: "main", Precision: precision, Dir: dir})
}

func TestPullFetchesOnePrecision(t *testing.T) {
	h := newHub(t)
	dir, err := h.pull(t, t.TempDir(), "fp32")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"config.json", "tokenizer.json", "onnx/model.onnx", "onnx/model.onnx_data"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.Equal(data, h.files[name]) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"onnx/model_fp16.onnx", "pytorch_model.bin", "empty.txt"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s was fetched", name)
		}
	}
	for _, token := range h.tokens {
		if token != "" {
			t.Errorf("another host was told the token")
		}
	}
	if _, err := h.pull(t, t.TempDir(), "int8"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "fp16") {
		t.Errorf("int8: %v", err)
	}
}

func TestPullGoesOnAfterACut(t *testing.T) {
	h := newHub(t)
	h.cut["onnx/model.onnx_data"] = 123_456
	dir, err := h.pull(t, t.TempDir(), "fp32")
	if err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(filepath.Join(dir, "onnx", "model.onnx_data")); !bytes.Equal(data, h.files["onnx/model.onnx_data"]) {
		t.Error("the file is not whole")
	}
	if last := h.asked[len(h.asked)-1]; !strings.Contains(strings.Join(h.asked, "\n"), "onnx/model.onnx_data bytes=") {
		t.Errorf("asked for %v, last %s: no range", h.asked, last)
	}
}

func TestPullKeepsWhatAKilledOneHad(t *testing.T) {
	h, home := newHub(t), t.TempDir()
	dir, err := h.pull(t, home, "fp32")
	if err != nil {
		t.Fatal(err)
	}
	whole := filepath.Join(dir, "onnx", "model.onnx_data")
	if err := os.WriteFile(whole+".part", h.files["onnx/model.onnx_data"][:1000], 0o644); err != nil {
		t.Fatal(err)
	}
	os.Remove(whole)
	h.asked = nil
	if _, err := h.pull(t, home, "fp32"); err != nil {
		t.Fatal(err)
	}
	if len(h.asked) != 1 || h.asked[0] != "onnx/model.onnx_data bytes=1000-" {
		t.Errorf("asked for %v", h.asked)
	}
}

func TestPullRefusesWrongBytes(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"LFS digest": func(e map[string]any) {
			if lfs, ok := e["lfs"].(map[string]any); ok {
				lfs["sha256"] = strings.Repeat("0", 64)
			}
		},
		"blob digest": func(e map[string]any) { e["blobId"] = commit },
		"size":        func(e map[string]any) { e["size"] = 5 },
	} {
		h, home := newHub(t), t.TempDir()
		h.list = change
		if _, err := h.pull(t, home, "fp32"); !errors.Is(err, ErrDigest) {
			t.Errorf("%s: %v", name, err)
		}
		filepath.WalkDir(home, func(path string, d os.DirEntry, _ error) error {
			if strings.HasSuffix(path, ".part") {
				t.Errorf("%s: %s is left", name, path)
			}
			return nil
		})
	}
}

func TestPullRefusesNamesThatLeaveTheFolder(t *testing.T) {
	for _, name := range []string{"../evil", "/etc/evil", "onnx/../../evil", `..\evil`, "C:evil", "a//b", "", "."} {
		h, home := newHub(t), t.TempDir()
		h.list = func(e map[string]any) {
			if e["rfilename"] == "tokenizer.json" {
				e["rfilename"] = name
			}
		}
		if _, err := h.pull(t, home, "fp32"); !errors.Is(err, ErrUnsafe) {
			t.Errorf("%q: %v", name, err)
		}
		if list, _ := os.ReadDir(home); len(list) > 0 {
			t.Errorf("%q: %s was written", name, list[0].Name())
		}
	}
}

func TestAddressesAreChecked(t *testing.T) {
	for _, bad := range []string{"", "host", "ftp://host", "file:///etc"} {
		if _, err := New(bad, ""); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if _, err := New("http://host", "secret"); err == nil {
		t.Error("a token would be sent in the clear")
	}
	c, _ := New("http://127.0.0.1:1", "")
	for _, repo := range []string{"../x", "a/b/c", "a/..", "", "a b"} {
		if _, err := c.Pull(t.Context(), Options{Repo: repo, Revision: "main", Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "OWNER/NAME") {
			t.Errorf("%q: %v", repo, err)
		}
	}
}
