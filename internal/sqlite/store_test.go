package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
)

// texts is a project of texts with one label each.
var texts = label.Project{Task: label.TextClassification}

// create makes a project with labels in a folder of its own.
func create(t testing.TB, project label.Project, labels ...string) *Store {
	t.Helper()
	s, err := Create(t.Context(), filepath.Join(t.TempDir(), "project"), project)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if len(labels) > 0 {
		if _, err := s.AddLabels(t.Context(), "ada", labels...); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// sound fails the test if the project is not as it should be.
func sound(t testing.TB, s *Store) {
	t.Helper()
	faults, err := s.Check(context.Background())
	if err != nil || len(faults) > 0 {
		t.Fatalf("check finds %q, %v", faults, err)
	}
}

// item is a text in line n of a file.
func item(n int, text string, gold ...string) label.Item {
	return label.Item{ID: fmt.Sprint("id-", n), Text: text, Gold: gold, Place: label.Place{File: "texts.csv", Line: n}}
}

func mustImport(t testing.TB, s *Store, by string, items ...label.Item) label.ImportReport {
	t.Helper()
	report, _, err := s.Import(t.Context(), items, label.Pool, by)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// several imports n different texts.
func several(t testing.TB, s *Store, n int) {
	t.Helper()
	items := make([]label.Item, n)
	for i := range items {
		items[i] = item(i+1, fmt.Sprint("text ", i+1))
	}
	if r := mustImport(t, s, "", items...); r.Added != n {
		t.Fatalf("import of %d texts: %+v", n, r)
	}
}

func TestProjectIsMadeOnceAndOpenedAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b", "50%?#ü")
	project := label.Project{Task: label.ImageClassification, MultiLabel: true}
	s, err := Create(t.Context(), dir, project)
	if err != nil {
		t.Fatal(err)
	}
	made := s.Project()
	s.Close()
	if s, err = Open(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := s.Project(); got != made || got.Task != project.Task || !got.MultiLabel || got.Created.IsZero() {
		t.Errorf("project is %+v, was made as %+v", got, made)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) == 0 || left[0] != filepath.Join(dir, File) {
		t.Errorf("the folder holds %q", left)
	}
	if _, err := Create(t.Context(), dir, project); !errors.Is(err, label.ErrConflict) || !strings.Contains(err.Error(), "is a project already") {
		t.Errorf("made again: %v", err)
	}
	sound(t, s)
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	empty := t.TempDir()
	fails := func(dir string, words ...string) {
		t.Helper()
		_, err := Open(t.Context(), dir)
		if err == nil {
			t.Fatalf("%s is opened", dir)
		}
		for _, word := range words {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("open %s: %v; want a word of %q", dir, err, word)
			}
		}
	}
	fails(empty, "labelloop init "+empty+" --task")
	if left, _ := os.ReadDir(empty); len(left) > 0 {
		t.Errorf("opening an empty folder leaves %v", left)
	}
	fails(filepath.Join(empty, "gone"), "labelloop init")

	cutShort := t.TempDir() // by a crash before the first transaction
	if err := os.WriteFile(filepath.Join(cutShort, File), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	fails(cutShort, "labelloop init")
	if s, err := Create(t.Context(), cutShort, texts); err != nil {
		t.Errorf("a project that was begun can't be made: %v", err)
	} else {
		s.Close()
	}

	noDatabase := t.TempDir()
	if err := os.WriteFile(filepath.Join(noDatabase, File), []byte(strings.Repeat("no database\n", 1000)), 0o644); err != nil {
		t.Fatal(err)
	}
	fails(noDatabase, "go back to a backup")

	newer, foreign := create(t, texts), create(t, texts)
	for s, pragma := range map[*Store]string{newer: "user_version = 99", foreign: "application_id = 1"} {
		if _, err := s.writer.Exec("PRAGMA " + pragma); err != nil {
			t.Fatal(err)
		}
	}
	fails(newer.Dir(), "newer labelloop", "schema is 99, this program knows up to")
	fails(foreign.Dir(), "another program")
	if _, err := Create(t.Context(), t.TempDir(), label.Project{Task: "tabular"}); !errors.Is(err, label.ErrUsage) {
		t.Errorf("a project with an unknown task: %v", err)
	}
}

// TestOlderProjectsAreBroughtUpToDate opens a project of the first schema.
func TestOlderProjectsAreBroughtUpToDate(t *testing.T) {
	dir := t.TempDir()
	older, err := connect(dir, "rwc")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := migrations.ReadFile("migrations/001_project.sql")
	if err != nil {
		t.Fatal(err)
	}
	_, err = older.writer.Exec(string(schema) + fmt.Sprintf(`; INSERT INTO project VALUES (1, '%s', 0, 1);
		PRAGMA application_id = %d; PRAGMA user_version = 1`, label.TextClassification, applicationID))
	if err != nil {
		t.Fatal(err)
	}
	mustImport(t, older, "", item(1, "old words"))
	older.Close()
	newer, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer newer.Close()
	mustImport(t, newer, "", item(2, "newer words"))
	q := everything
	for _, q.Text = range []string{"old", "newer"} {
		if found, err := newer.Search(t.Context(), q); err != nil || len(found) != 1 {
			t.Errorf("a search for %s finds %v, %v", q.Text, found, err)
		}
	}
	sound(t, newer)
}

// TestConnections holds both kinds of connections to what the package says of them.
func TestConnections(t *testing.T) {
	s := create(t, texts)
	for name, db := range map[string]*sql.DB{"writer": s.writer.DB, "reader": s.reader} {
		for pragma, want := range map[string]string{
			"journal_mode": "wal", "foreign_keys": "1",
			"busy_timeout": map[string]string{"writer": "0", "reader": "30000"}[name],
			"query_only":   map[string]string{"writer": "0", "reader": "1"}[name],
		} {
			var got string
			if err := db.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s: %s is %s, want %s, %v", name, pragma, got, want, err)
			}
		}
	}
	for pragma, want := range map[string]int{"synchronous": 2, "recursive_triggers": 1} {
		var got int
		if err := s.writer.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("writer: %s is %d, want %d, %v", pragma, got, want, err)
		}
	}
	if _, err := s.reader.Exec("DELETE FROM items"); err == nil {
		t.Error("a reading connection writes")
	}
}

// TestQueriesUseIndexes holds the queries that people wait for to their plans: none may read a whole table.
func TestQueriesUseIndexes(t *testing.T) {
	s := create(t, texts, "a")
	several(t, s, 10)
	for _, query := range append([]string{
		"SELECT split, state, count(*) FROM items GROUP BY split, state",
		"SELECT id FROM items WHERE split = 'pool' AND state = '' ORDER BY id",
		"SELECT count(position), count(*) - count(position) FROM predictions WHERE model_id = 1",
		"SELECT count(*) FROM embeddings WHERE encoder_id = 1",
		"SELECT item_id FROM predictions WHERE model_id = 1 AND position = 0 AND confidence < 0.5 ORDER BY confidence",
		"SELECT annotator_id, verdict, count(*), sum(took) FROM annotations GROUP BY annotator_id, verdict",
		"SELECT * FROM item_states WHERE item_id = 1",
		"SELECT * FROM item_label_states WHERE item_id = 1",
		"SELECT count(*) FROM queue WHERE state = 'open' GROUP BY reason",
		next, leased, newest,
	}, settling...) {
		steps := plan(t, s, query)
		made := map[string]bool{} // by the query itself
		for _, step := range steps {
			words := strings.Fields(step)
			switch words[0] {
			case "CO-ROUTINE", "MATERIALIZE":
				made[words[1]] = true
			case "USE":
				if query == next {
					t.Errorf("to lease from the queue sorts all of it: %s", step)
				}
			case "SCAN":
				if !made[words[1]] && !strings.Contains(step, "INDEX") {
					t.Errorf("%s\n\treads a whole table: %s\n\t%s", query, step, strings.Join(steps, "\n\t"))
				}
			}
		}
	}
}

func plan(t *testing.T, s *Store, query string) []string {
	t.Helper()
	rows, err := s.reader.Query("EXPLAIN QUERY PLAN "+query, make([]any, 3)...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	return steps
}
