// Package labelloop holds the tests that keep the rooms apart, and the README true.
package labelloop

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/labelloop/labelloop"

// outside names the one room that may import each of these.
var outside = map[string]string{
	"github.com/daulet/tokenizers":     "tokenize",
	"github.com/yalue/onnxruntime_go":  "inference/ort",
	"github.com/parquet-go/parquet-go": "internal/dataset",
	"github.com/spf13/cobra":           "cmd/labelloop",
	"github.com/mattn/go-sqlite3":      "internal/sqlite",
}

// imports reads the table of docs/ARCHITECTURE.md: a room, and the rooms of ours that it may import.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("docs/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "| room | may import |\n|---|---|\n")
	if !found {
		t.Fatal("docs/ARCHITECTURE.md has no table of imports")
	}
	rooms := map[string][]string{}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 4 {
			break
		}
		room := strings.Trim(cells[1], " `/")
		rooms[room] = []string{}
		for name := range strings.SplitSeq(cells[2], ",") {
			if name = strings.Trim(name, " `/"); name != "" && name != "nothing of ours" {
				rooms[room] = append(rooms[room], name)
			}
		}
	}
	return rooms
}

func TestImportsFollowTheTable(t *testing.T) {
	rooms := imports(t)
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		room := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if room == "" {
			continue // this test
		}
		seen[room] = true
		may, known := rooms[room]
		if !known {
			t.Errorf("package %s is no room of docs/ARCHITECTURE.md: add it to the table, or move it", room)
		}
		for _, name := range p.Imports {
			if ours, is := strings.CutPrefix(name, module+"/"); is && !slices.Contains(may, ours) {
				t.Errorf("%s imports %s, which docs/ARCHITECTURE.md does not allow", room, ours)
			}
			for library, only := range outside {
				if (name == library || strings.HasPrefix(name, library+"/")) && room != only {
					t.Errorf("%s imports %s, which is for %s alone", room, path.Base(library), only)
				}
			}
		}
	}
	for room := range rooms {
		if !seen[room] {
			t.Errorf("docs/ARCHITECTURE.md has a room %s that is not there", room)
		}
	}
}
