package browser

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io/fs"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// project is one on the disk whose items a made-up model has judged.
type project struct {
	testing.TB
	dir    string
	labels []string
	guess  map[int64][]string // the label that is suggested, by the item's number; none for items that were not judged
	model  label.Model
}

// newProject makes a project by the program, of a file or folder that import takes.
func newProject(t testing.TB, task string, labels []string, source ...string) *project {
	t.Helper()
	watchSources(t)
	p := &project{TB: t, dir: filepath.Join(t.TempDir(), "project"), labels: labels, guess: map[int64][]string{}}
	p.run("init", p.dir, "--task", task, "--labels-file", write(t, "labels.txt", strings.Join(labels, "\n")+"\n"))
	p.run(append([]string{"import", "--project", p.dir}, source...)...)
	return p
}

func (p *project) run(args ...string) {
	p.Helper()
	if said, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		p.Fatalf("labelloop %s: %v\n%s", strings.Join(args, " "), err, said)
	}
}

// watchSources looks at the folders that the program is built from, as go test notes: a result that it keeps does not stand for
// another program.
func watchSources(t testing.TB) {
	t.Helper()
	for _, folder := range []string{"activelearn", "cmd", "inference", "internal", "models", "tokenize"} {
		err := filepath.WalkDir(filepath.Join(repository, folder), func(_ string, _ fs.DirEntry, err error) error { return err })
		if err != nil {
			t.Fatal(err)
		}
	}
}

// use opens the project's database for a moment.
func (p *project) use(do func(s *sqlite.Store) error) {
	p.Helper()
	s, err := sqlite.Open(p.Context(), p.dir)
	if err == nil {
		err = do(s)
	}
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		p.Fatal(err)
	}
}

// judge lets the model suggest a label for each of some items with a confidence, both by the item's number.
func (p *project) judge(items []int64, suggest func(item int64) (name string, confidence float64)) {
	p.Helper()
	p.use(func(s *sqlite.Store) (err error) {
		if p.model, err = s.RegisterModel(p.Context(), label.Model{Name: "queries", Version: "4f1c20ab93d7", Labels: p.labels}); err != nil {
			return err
		}
		var said []label.Probabilities
		for _, item := range items {
			name, confidence := suggest(item)
			p.guess[item] = []string{name}
			said = append(said, label.Probabilities{Item: item, Probs: shares(len(p.labels), slices.Index(p.labels, name), confidence)})
		}
		return s.PutPredictions(p.Context(), p.model, said)
	})
}

// shares gives one of n labels a probability, and those beside it most of the rest.
func shares(n, at int, confidence float64) []float32 {
	probs := make([]float32, n)
	rest := 1 - confidence
	for step := 1; step < n; step++ {
		share := min(rest, math.Max(rest*0.6, (1-confidence)/float64(n)))
		if step == n-1 {
			share = rest
		}
		probs[(at+step)%n] = float32(min(share, confidence*0.95))
		rest -= share
	}
	probs[at] = float32(confidence)
	return probs
}

// enqueue puts items before people, in order.
func (p *project) enqueue(items []int64, people int) {
	p.Helper()
	reasons := []label.Reason{label.Uncertain, label.Uncertain, label.Control}
	p.use(func(s *sqlite.Store) error {
		var entries []label.Entry
		for i, item := range items {
			entries = append(entries, label.Entry{Item: item, Reason: reasons[i%len(reasons)], Score: math.NaN(), People: people})
		}
		_, _, err := s.Enqueue(p.Context(), label.Round{Strategy: "hybrid", N: len(items), Model: p.model.ID}, entries)
		return err
	})
}

// server is the program that serves a project.
type server struct {
	*project
	args  []string
	links map[string]string
	cmd   *exec.Cmd
}

// serve serves the project to people until the test ends.
func (p *project) serve(people ...string) *server {
	p.Helper()
	at, err := net.Listen("tcp", "127.0.0.1:0") // a port that stays the same from one start to the next
	if err != nil {
		p.Fatal(err)
	}
	address := at.Addr().String()
	at.Close()
	s := &server{project: p, args: []string{"review", "--json", "--project", p.dir, "--addr", address, "--annotators", strings.Join(people, ",")}}
	s.start()
	p.Cleanup(s.stop)
	return s
}

func (s *server) start() {
	s.Helper()
	s.cmd = exec.Command(program, s.args...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var said strings.Builder
	s.cmd.Stderr = &said
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		s.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var links []struct{ Annotator, URL string }
	if err == nil {
		err = json.Unmarshal(line, &links)
	}
	if err != nil {
		s.Fatalf("labelloop %s: %v: %v\n%s", strings.Join(s.args, " "), err, s.cmd.Wait(), &said)
	}
	s.links = map[string]string{}
	for _, l := range links {
		s.links[l.Annotator] = l.URL
	}
}

// stop ends the server as Ctrl-C does.
func (s *server) stop() {
	s.signal(syscall.SIGINT)
	if err := s.cmd.Wait(); err != nil {
		s.Errorf("the server ends with %v", err)
	}
}

// kill ends the server at once.
func (s *server) kill() {
	s.signal(syscall.SIGKILL)
	s.cmd.Wait()
}

func (s *server) signal(signal syscall.Signal) {
	s.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.Fatal(err)
	}
}

// queries gives n customers' questions with their labels, drawn evenly from a file of them.
func queries(t testing.TB, n int) (texts, labels []string) {
	t.Helper()
	file, err := os.Open(repository + "/testdata/banking77/test.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		row := rows[1+i*(len(rows)-1)/n]
		texts, labels = append(texts, row[0]), append(labels, row[1])
	}
	return texts, labels
}

// table writes rows as a CSV file and gives its path.
func table(t testing.TB, rows [][]string) string {
	t.Helper()
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	return write(t, "queries.csv", b.String())
}

func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// upTo gives 1 to n.
func upTo(n int) []int64 {
	numbers := make([]int64, n)
	for i := range numbers {
		numbers[i] = int64(i + 1)
	}
	return numbers
}
