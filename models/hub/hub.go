// Package hub fetches models from a Hugging Face hub or a mirror of one. It is the only room that opens connections to
// other machines, and trusts nothing that comes back: names stay inside the folder, sizes and digests are checked.
package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Errors, to be told apart with errors.Is.
var (
	ErrNotFound = errors.New("not on the hub")
	ErrDenied   = errors.New("the hub refuses: set HF_TOKEN to a token that may read it")
	ErrDigest   = errors.New("not the bytes that the hub lists")
	ErrUnsafe   = errors.New("a file name leaves the model's folder")
	ErrNoONNX   = errors.New("no ONNX export")
)

// Client speaks to one hub.
type Client struct {
	Endpoint string // https://HOST, without a slash at the end
	Token    string // "" for none; it is sent to Endpoint's host alone
	HTTP     *http.Client
}

// New checks the address of a hub.
func New(endpoint, token string) (*Client, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("hub address %q: want https://HOST", endpoint)
	}
	if token != "" && u.Scheme == "http" && u.Hostname() != "127.0.0.1" && u.Hostname() != "localhost" {
		return nil, fmt.Errorf("hub address %q: a token is not sent without encryption; use https, or unset HF_TOKEN", endpoint)
	}
	return &Client{Endpoint: strings.TrimSuffix(endpoint, "/"), Token: token, HTTP: &http.Client{
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: time.Minute},
	}}, nil
}

// file is an entry of a repository's list.
type file struct {
	Name string `json:"rfilename"`
	Size int64  `json:"size"`
	Blob string `json:"blobId"` // git's SHA-1 of the blob
	LFS  *struct {
		SHA256 string `json:"sha256"`
		Size   int64  `json:"size"`
	} `json:"lfs"`
}

// size in bytes of the file itself, not of its LFS pointer.
func (f file) size() int64 {
	if f.LFS != nil {
		return f.LFS.Size
	}
	return f.Size
}

// repository is what the hub says of one revision of a model.
type repository struct {
	Commit string `json:"sha"`
	Files  []file `json:"siblings"`
}

var (
	repoForm   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$`)
	commitForm = regexp.MustCompile(`^[0-9a-f]{40}$`)
	sha256Form = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// maxList bounds the bytes of a file list.
const maxList = 32 << 20

// list asks for the files of a repository at a revision.
func (c *Client) list(ctx context.Context, repo, revision string) (repository, error) {
	if !repoForm.MatchString(repo) || strings.Contains(repo, "..") {
		return repository{}, fmt.Errorf("model %q: want OWNER/NAME", repo)
	}
	res, err := c.get(ctx, "/api/models/"+repo+"/revision/"+url.PathEscape(revision)+"?blobs=true", 0)
	if err != nil {
		return repository{}, fmt.Errorf("list %s: %w", repo, err)
	}
	defer res.Body.Close()
	var r repository
	if err := json.NewDecoder(io.LimitReader(res.Body, maxList)).Decode(&r); err != nil {
		return repository{}, fmt.Errorf("list %s: %w", repo, err)
	}
	if !commitForm.MatchString(r.Commit) {
		return repository{}, fmt.Errorf("list %s: the hub names no commit", repo)
	}
	for _, f := range r.Files {
		if !fs.ValidPath(f.Name) || f.Name == "." || strings.ContainsAny(f.Name, "\\:\x00") {
			return repository{}, fmt.Errorf("list %s: %q: %w", repo, f.Name, ErrUnsafe)
		}
		if f.size() < 0 || f.LFS != nil && !sha256Form.MatchString(f.LFS.SHA256) || f.LFS == nil && !commitForm.MatchString(f.Blob) {
			return repository{}, fmt.Errorf("list %s: %q has no digest: %w", repo, f.Name, ErrDigest)
		}
	}
	return r, nil
}

// get asks for a path, from a byte on.
func (c *Client) get(ctx context.Context, path string, from int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Endpoint+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "labelloop")
	req.Header.Set("Accept-Encoding", "identity") // a range of packed bytes would be no range of the file
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token) // net/http drops it when another host is asked on
	}
	if from > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	switch res.StatusCode {
	case http.StatusOK, http.StatusPartialContent:
		return res, nil
	}
	res.Body.Close()
	switch res.StatusCode {
	case http.StatusNotFound:
		return nil, ErrNotFound
	case http.StatusRequestedRangeNotSatisfiable:
		return nil, fmt.Errorf("the hub has fewer bytes than it lists: %w", ErrDigest)
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, ErrDenied
	}
	return nil, fmt.Errorf("the hub answers %s", res.Status)
}

// settings are the files beside the graphs that make up a model.
var settings = []string{"config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
	"preprocessor_config.json", "modules.json", "sentence_bert_config.json", "config_sentence_transformers.json",
	"1_Pooling/config.json", "LICENSE", "LICENSE.md", "LICENSE.txt", "NOTICE", "README.md"}

var graphForm = regexp.MustCompile(`^(vision_|text_)?model(_[A-Za-z0-9_]+)?\.onnx$`)

// choose picks the files to fetch: settings, and the graphs of one precision with their weights.
func (r repository) choose(precision string) ([]file, error) {
	var chosen []file
	var there []string
	graphs := map[string]bool{}
	for _, f := range r.Files {
		dir, name := path.Split(f.Name)
		m := graphForm.FindStringSubmatch(name)
		if m == nil || dir != "" && dir != "onnx/" {
			continue
		}
		p := strings.TrimPrefix(m[2], "_")
		if p == "" {
			p = "fp32"
		}
		if !slices.Contains(there, p) {
			there = append(there, p)
		}
		if p == precision {
			graphs[f.Name] = true
		}
	}
	if len(there) == 0 {
		return nil, fmt.Errorf("%w: it has to be exported to ONNX, for instance by optimum-cli export onnx", ErrNoONNX)
	}
	if len(graphs) == 0 {
		return nil, fmt.Errorf("no %s graph; there are %s: %w", precision, strings.Join(there, ", "), ErrNotFound)
	}
	for _, f := range r.Files {
		data := strings.Index(f.Name, ".onnx_data")
		if slices.Contains(settings, f.Name) || graphs[f.Name] || data >= 0 && graphs[f.Name[:data]+".onnx"] {
			chosen = append(chosen, f)
		}
	}
	return chosen, nil
}
