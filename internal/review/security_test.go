package review

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labelloop/labelloop/internal/guard"
	"github.com/labelloop/labelloop/internal/label"
)

// serve runs a server on a free port of this machine until ctx ends.
func serve(t testing.TB, ctx context.Context, s *Server) (base string, served chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	served = make(chan error, 1)
	go func() { served <- s.Serve(ctx, l, "", "") }()
	return "http://" + l.Addr().String(), served
}

func TestWhoMayNot(t *testing.T) {
	s := open(t, 2)
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	host := func(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }
	for pattern := range s.routes() {
		method, path, _ := strings.Cut(pattern, " ")
		path = strings.NewReplacer("{$}", "", "{item}", "1", "{name}", "main.js").Replace(path)
		body := ""
		if method == http.MethodPost {
			body = `{"key":"k"}`
		}
		for name, c := range map[string]struct {
			change func(*http.Request)
			status int
			always bool // for reading, too, and for those who log in
		}{
			"foreign origin":    {set("Origin", "https://evil.example"), 403, false},
			"no origin at all":  {set("Origin", "null"), 403, false},
			"other port":        {set("Origin", "http://127.0.0.1:1"), 403, false},
			"cross-site":        {set("Sec-Fetch-Site", "cross-site"), 403, false},
			"same site":         {set("Sec-Fetch-Site", "same-site"), 403, false},
			"rebound name":      {host("evil.example:7878"), 403, true},
			"name with a tail":  {host("localhost.evil.example"), 403, true},
			"no host":           {host(""), 403, true},
			"no token":          {set("Cookie", ""), 401, true},
			"wrong token":       {set("Cookie", s.sessions.cookie+"=AAAA"), 401, true},
			"cut token":         {set("Cookie", s.sessions.cookie+"="+s.sessions.tokens["ann"][:42]), 401, true},
			"another's project": {set("Cookie", "labelloop-00000000="+s.sessions.tokens["ann"]), 401, true},
		} {
			if method == http.MethodGet && !c.always || path == "/login" && c.status == 401 {
				continue
			}
			r := s.request("ann", path, body)
			c.change(r)
			if w := s.do(r); w.Code != c.status {
				t.Errorf("%s, %s: %d %s, want %d", pattern, name, w.Code, w.Body, c.status)
			}
		}
		if method == http.MethodPost { // nothing changes by GET or by other methods
			for _, other := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodPatch} {
				r := s.request("ann", path, "")
				r.Method = other
				if w := s.do(r); w.Code != http.StatusMethodNotAllowed {
					t.Errorf("%s %s: %d", other, path, w.Code)
				}
			}
			for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"} {
				r := s.request("ann", path, body)
				r.Header.Set("Content-Type", kind)
				if w := s.do(r); path != "/login" && w.Code != http.StatusUnsupportedMediaType {
					t.Errorf("%s as %q: %d", path, kind, w.Code)
				}
			}
		}
	}
	if kept, err := s.store.AnnotationsOf(t.Context(), 1); err != nil || len(kept) != 0 {
		t.Errorf("something was annotated: %v, %v", kept, err)
	}
}

func TestHeaders(t *testing.T) {
	s := open(t, 1)
	for _, path := range []string{"/", "/api/project", "/api/items/9", "/assets/main.js", "/nothing", "/../x", "/media/1"} {
		h := s.do(s.request("ann", path, "")).Header()
		policy := h.Get("Content-Security-Policy")
		if policy != guard.ContentPolicy || strings.Contains(policy, "unsafe") || h.Get("X-Content-Type-Options") != "nosniff" ||
			h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s has headers %v", path, h)
		}
	}
	if w := s.do(s.request("", "/", "")); w.Code != 401 || !strings.Contains(w.Body.String(), "<form method=\"post\" action=\"/login\">") {
		t.Errorf("without a token / is %d %s", w.Code, w.Body)
	}
	if w := s.do(s.request("ann", "/", "")); w.Code != 200 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("/ is %d %v", w.Code, w.Header())
	}
	if w := s.do(s.request("ann", "/assets/main.js", "")); w.Code != 200 || w.Header().Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("main.js is %d %v", w.Code, w.Header())
	}
}

func TestLogin(t *testing.T) {
	s := openProject(t, label.Project{Task: label.TextClassification}, 1, func(c *Config) { c.Secure = true })
	login := func(token string) *http.Response {
		r := s.request("", "/login", url.Values{"token": {token}}.Encode())
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return s.do(r).Result()
	}
	in := login(s.sessions.tokens["bob"])
	c := in.Cookies()
	if in.StatusCode != 200 || len(c) != 1 || !c[0].Secure || !c[0].HttpOnly || c[0].Path != "/" || c[0].SameSite != http.SameSiteStrictMode {
		t.Fatalf("logging in gives %v %v", in.Status, c)
	}
	// The page goes on by itself: a redirect would still count as the other site's, whose requests carry no strict cookie.
	text, err := io.ReadAll(in.Body)
	must(t, err)
	if in.Header.Get("Location") != "" || !strings.Contains(string(text), `content="0; url=/"`) || strings.Contains(string(text), c[0].Value) {
		t.Errorf("logging in answers %v %s", in.Header, text)
	}
	r := s.request("", "/api/project", "")
	r.AddCookie(c[0])
	if w := s.do(r); !strings.Contains(w.Body.String(), `"annotator":"bob"`) {
		t.Errorf("logged in as %s", w.Body)
	}
	for i := range mostFailures {
		if got := login(fmt.Sprint("guess ", i)).StatusCode; got != 401 {
			t.Errorf("guess %d: %d", i, got)
		}
	}
	if got := login(s.sessions.tokens["bob"]).StatusCode; got != 429 {
		t.Errorf("after %d wrong tokens: %d", mostFailures, got)
	}
	if got := s.do(s.request("", "/?token=x", "")).Code; got != 429 {
		t.Errorf("by link after %d wrong tokens: %d", mostFailures, got)
	}
	if !s.sessions.limit.open("192.0.2.1", time.Now().Add(time.Minute)) {
		t.Error("a minute later it is still closed")
	}
}

func TestKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	first, err := Key(path)
	must(t, err)
	again, err := Key(path)
	if err != nil || len(first) != keySize || !slices.Equal(first, again) {
		t.Errorf("keys are %x and %x, %v", first, again, err)
	}
	must(t, os.Chmod(path, 0o640))
	if _, err := Key(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others can read: %v", err)
	}
	must(t, os.Chmod(path, 0o600))
	must(t, os.Truncate(path, 5))
	if _, err := Key(path); err == nil || !strings.Contains(err.Error(), "5 bytes") {
		t.Errorf("a short key: %v", err)
	}
	a, b := newSessions(first, []string{"ann", "bob"}), newSessions(secret, []string{"ann"})
	if a.tokens["ann"] == a.tokens["bob"] || a.tokens["ann"] == b.tokens["ann"] || a.cookie == b.cookie {
		t.Errorf("tokens are %v and %v", a, b)
	}
}

// TestPictures serves what may be served, of a project whose pictures lie in several places.
func TestPictures(t *testing.T) {
	outside := t.TempDir()
	good := picture(t)
	s := openProject(t, label.Project{Task: label.ImageClassification}, 0, func(c *Config) {
		write(t, filepath.Join(outside, "allowed", "a.png"), good)
		c.Folders = []string{filepath.Join(outside, "allowed")}
	})
	write(t, filepath.Join(s.dir, "in", "a.png"), good)
	write(t, filepath.Join(outside, "secret.txt"), []byte("secret"))
	page := write(t, filepath.Join(outside, "allowed", "page.png"), []byte("<html><script>alert(1)</script>"))
	write(t, filepath.Join(outside, "allowed", "drawing.svg"), []byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`))
	elsewhere := write(t, filepath.Join(outside, "b.png"), good)
	must(t, os.Symlink(elsewhere, filepath.Join(s.dir, "in", "link.png")))
	must(t, os.Symlink(outside, filepath.Join(s.dir, "out")))
	must(t, os.Symlink(filepath.Join(outside, "secret.txt"), filepath.Join(outside, "allowed", "link.png")))
	for i, c := range []struct {
		image  string
		line   int
		status int
	}{
		{"in/a.png", 0, 200},
		{"in/../in/a.png", 3, 200}, // stays inside
		{filepath.Join(outside, "allowed", "a.png"), 3, 200},
		{elsewhere, 0, 200}, // was itself imported
		{elsewhere, 3, 404}, // a table says so
		{"in/link.png", 0, 404},
		{"out/b.png", 0, 404},
		{"../../b.png", 0, 404},
		{"in", 0, 404},
		{"gone.png", 0, 404},
		{"", 0, 404},
		{"labelloop.db", 0, 404},
		{page, 0, 404},
		{filepath.Join(outside, "allowed", "drawing.svg"), 0, 404},
		{filepath.Join(outside, "allowed", "link.png"), 0, 404},
		{filepath.Join(outside, "allowed", "..", "b.png"), 3, 404},
		{filepath.Join(outside, "secret.txt"), 0, 404},
		{"/dev/zero", 0, 404},
		{"/etc/passwd", 0, 404},
	} {
		it := label.Item{ID: fmt.Sprint(i), Image: c.image, Text: fmt.Sprint(i), Place: label.Place{File: "t.csv", Line: c.line},
			Load: func() ([]byte, error) { return []byte{byte(i)}, nil }}
		_, numbers, err := s.store.Import(t.Context(), []label.Item{it}, label.Pool, "")
		must(t, err)
		w := s.do(s.request("ann", fmt.Sprint("/media/", numbers[0]), ""))
		if w.Code != c.status {
			t.Errorf("%s: %d %s, want %d", c.image, w.Code, w.Body, c.status)
		}
		if h := w.Header(); c.status == 200 && (h.Get("Content-Type") != "image/png" || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") ||
			h.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(h.Get("Cache-Control"), "private") || w.Body.Len() != len(good)) {
			t.Errorf("%s is served as %v", c.image, h)
		}
	}
}

func TestPathTricks(t *testing.T) {
	s := open(t, 1)
	tricks := []string{
		"..", "../", "../..", "../../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "%2e%2e%2fetc%2fpasswd",
		"..%5c..%5cetc%5cpasswd", `..\..\etc\passwd`, "....//....//etc/passwd", "..;/..;/etc/passwd", "/etc/passwd", "//etc/passwd", "%2fetc%2fpasswd",
		"./../labelloop.db", "labelloop.db", "review.key", "../labelloop.db", "1/../../labelloop.db", "%00", "1%00.png", "1%0a", "1%20", "+1", "01", "-1", "0", "1e0",
		"0x1", "1.0", "1.png", "1/", "1/2", "99999999999999999999", "9223372036854775807", "2", "file:///etc/passwd", "http:%2f%2fevil", "C:%5cWindows",
		"%c0%ae%c0%ae/etc/passwd", "%252e%252e%252fetc%252fpasswd", "..%c0%af..%c0%afetc", "~", "~root", ".git", ".", "", "index.html", "main.js/..", "main.js%00.css", "main", "..main.js",
		"*", "page", "%ef%bc%8e%ef%bc%8e/", "con", "nul", "1;a=b",
	}
	if len(tricks) < 50 {
		t.Fatalf("only %d tricks", len(tricks))
	}
	for _, folder := range []string{"/media/", "/assets/"} {
		for _, trick := range tricks {
			path := folder + trick
			u, err := url.Parse("http://127.0.0.1:7878" + path)
			if err != nil {
				u = &url.URL{Scheme: "http", Host: "127.0.0.1:7878", Path: path}
			}
			r := s.request("ann", "/", "")
			r.URL, r.RequestURI = u, path
			if w := s.do(r); w.Code != http.StatusNotFound {
				t.Errorf("%s: %d %v %.80s", path, w.Code, w.Header().Get("Location"), w.Body)
			}
		}
	}
}

// TestHostileStrings puts strings that would run in a page into every place of an item, and gets them back as data.
func TestHostileStrings(t *testing.T) {
	s := open(t, 0)
	for i, bad := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</script><svg onload=alert(1)>`, `javascript:alert(1)`, "\u2028alert(1)\u2029",
		`{{constructor.constructor('alert(1)')()}}`, "'; DROP TABLE items; --", "\x00<b>", "\xff\xfe<i>", `&lt;script&gt;`, "‮gnp.exe",
	} {
		if !strings.ContainsAny(bad, "\x00\xff\u2028") {
			body, err := jsonOf(map[string]any{"change": "add", "names": []string{bad}})
			must(t, err)
			s.call(t, 200, "ann", "/api/labels", body, nil)
		}
		it := label.Item{ID: bad, Text: bad + fmt.Sprint(i), Pair: bad, Meta: map[string]any{bad: bad}, Place: label.Place{File: bad, Line: i + 1}}
		_, numbers, err := s.store.Import(t.Context(), []label.Item{it}, label.Pool, "")
		must(t, err)
		note, err := jsonOf(map[string]any{"key": bad, "item": numbers[0], "verdict": "flagged", "note": bad})
		must(t, err)
		s.call(t, 200, "ann", "/api/annotate", note, nil)
		for _, path := range []string{fmt.Sprint("/api/items/", numbers[0]), "/api/items?q=" + url.QueryEscape(bad), "/api/items?annotator=" + url.QueryEscape(bad)} {
			w := s.do(s.request("ann", path, ""))
			if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" || strings.ContainsAny(w.Body.String(), "<>\u2028") {
				t.Errorf("%s: %d %s %s", path, w.Code, w.Header().Get("Content-Type"), w.Body)
			}
		}
		var one standing
		s.call(t, 200, "ann", fmt.Sprint("/api/items/", numbers[0]), "", &one)
		want := strings.ToValidUTF8(strings.ReplaceAll(bad, "\xff\xfe", "��"), "�")
		if one.ID != want || one.Pair != want || one.Annotations[0].Note != want {
			t.Errorf("%q comes back as %+v", bad, one)
		}
	}
	for _, path := range []string{"/api/items/%3Cscript%3E", "/media/%3Cscript%3E", "/assets/%3Cscript%3E.js", "/%3Cscript%3E", "/?token=%3Cscript%3E"} {
		if w := s.do(s.request("ann", path, "")); strings.Contains(w.Body.String(), "<script>") && strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			t.Errorf("%s gives %s", path, w.Body)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	s := open(t, 1)
	for word, change := range map[string]func(*Config){
		"no name": func(c *Config) { c.Annotators = nil }, "blind share": func(c *Config) { c.Blind = 1.5 }, "too short": func(c *Config) { c.Lease = 0 },
		"folder of pictures": func(c *Config) { c.Folders = []string{"/nowhere"} },
	} {
		c := config(s.store)
		change(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", word, err)
		}
	}
}
