package labelloop

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReadmeSpeeds holds the speeds that README.md tells to those that docs/benchmarks.md does: `make bench-peers` writes both.
func TestReadmeSpeeds(t *testing.T) {
	names := map[string]string{ // how the rows of docs/benchmarks.md begin
		"transformers pipeline":                                       "transformers pipeline",
		"Optimum pipeline on ONNX Runtime":                            "Optimum pipeline",
		"hugot, settings chosen for these texts":                      "hugot, in the order given",
		"onnxruntime in Python, sorted":                               "onnxruntime (Python), sorted",
		"OpenVINO in Python, sorted, settings chosen for these texts": "OpenVINO (Python), f32, sorted",
	}
	told := rows(between(t, "README.md", "<!-- speed, written by make bench-peers -->", "<!-- end of speed -->"))
	sets := strings.Split(between(t, "docs/benchmarks.md", "<!-- written by make bench-peers -->", "<!-- end -->"), "\n### ")[1:]
	if len(told) != len(names)+1 || len(told[0]) < 3 {
		t.Fatalf("README.md tells of %d contenders and %d text sets", len(told)-1, len(told[0])-1)
	}
	for i, tokens := range told[0][1:] {
		at := slices.IndexFunc(sets, func(s string) bool {
			title, _, _ := strings.Cut(s, "\n")
			return strings.HasSuffix(title, ", "+tokens+" tokens")
		})
		if at < 0 {
			t.Errorf("docs/benchmarks.md has no texts of %s tokens", tokens)
			continue
		}
		measured := rows(sets[at])
		for _, row := range told[1:] {
			k := slices.IndexFunc(measured, func(m []string) bool { return strings.HasPrefix(m[0], names[row[0]]) })
			if k < 0 || names[row[0]] == "" {
				t.Errorf("docs/benchmarks.md has no %q with %s tokens", row[0], tokens)
				continue
			}
			if ratio, _, _ := strings.Cut(measured[k][3], " "); ratio != row[i+1] {
				t.Errorf("%s, %s tokens: README.md says %s, docs/benchmarks.md %s", row[0], tokens, row[i+1], ratio)
			}
		}
	}
}

// between gives what stands in a file between two lines.
func between(t *testing.T, path, begin, end string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, begun := strings.Cut(string(data), begin+"\n")
	part, _, ended := strings.Cut(rest, end)
	if !begun || !ended {
		t.Fatalf("%s has no part from %q to %q", path, begin, end)
	}
	return part
}

// rows gives the cells of the rows of Markdown tables, rulers left out.
func rows(text string) (list [][]string) {
	ruler := regexp.MustCompile(`^[|\-]+$`)
	for _, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, "|") || ruler.MatchString(line) {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		list = append(list, cells)
	}
	return list
}
