package review

import (
	"bytes"
	"embed"
	"io/fs"
	"net/http"
	"path"
	"time"

	"github.com/labelloop/labelloop/internal/guard"
)

// page holds index.html and what it loads.
//
//go:embed page
var page embed.FS

// assetTypes are the types of what the page loads, by the ends of their names: the system's table of types is not asked.
var assetTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
}

// getPage serves the page to those who are logged in, and a form to others. A link with a token logs in.
func (s *Server) getPage(w http.ResponseWriter, r *http.Request) {
	if token := r.URL.Query().Get("token"); token != "" {
		s.enter(w, r, token)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if _, known := s.sessions.who(r); !known {
		w.WriteHeader(http.StatusUnauthorized)
		w.Write(loginForm)
		return
	}
	serveFile(w, r, "index.html")
}

func (s *Server) getAsset(w http.ResponseWriter, r *http.Request, _ string) {
	name := r.PathValue("name")
	kind, known := assetTypes[path.Ext(name)]
	if !known {
		guard.Refuse(w, http.StatusNotFound, "there is no such file")
		return
	}
	w.Header().Set("Content-Type", kind)
	serveFile(w, r, name)
}

// serveFile serves a file of the page.
func serveFile(w http.ResponseWriter, r *http.Request, name string) {
	text, err := fs.ReadFile(page, path.Join("page", name))
	if err != nil {
		guard.Refuse(w, http.StatusNotFound, "there is no such file")
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}

//go:embed openapi.json
var openAPI []byte

func getOpenAPI(w http.ResponseWriter, r *http.Request, _ string) {
	w.Header().Set("Content-Type", "application/json")
	w.Write(openAPI)
}
