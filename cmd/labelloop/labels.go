package main

import (
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"

	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/internal/label"
)

// classes reads the labels that were asked for; nil where none were.
func (f *modelFlags) classes() ([]inference.Class, error) {
	var classes []inference.Class
	for _, name := range f.labels {
		classes = append(classes, inference.Class{Name: strings.TrimSpace(name)})
	}
	source := "--labels"
	if f.labelsFile != "" {
		source = f.labelsFile
		data, err := os.ReadFile(f.labelsFile)
		if err != nil {
			return nil, label.Errorf(label.ErrUsage, "read labels: %w", err)
		}
		if !utf8.Valid(data) {
			return nil, label.Errorf(label.ErrUsage, "read labels: %s is not UTF-8 text", source)
		}
		for line := range strings.Lines(strings.TrimPrefix(string(data), "\ufeff")) {
			fields := strings.Split(strings.TrimRight(line, "\r\n"), "\t")
			if strings.TrimSpace(line) == "" {
				continue
			}
			class := inference.Class{Name: strings.TrimSpace(fields[0])}
			for _, text := range fields[1:] {
				if text = strings.TrimSpace(text); text != "" {
					class.Texts = append(class.Texts, text)
				}
			}
			classes = append(classes, class)
		}
		if classes == nil {
			return nil, label.Errorf(label.ErrUsage, "read labels: %s holds none: write a label a line", source)
		}
	}
	seen := map[string]bool{}
	for i, c := range classes {
		if c.Name == "" {
			return nil, label.Errorf(label.ErrUsage, "read labels: label %d of %s is empty", i+1, source)
		}
		if seen[c.Name] {
			return nil, label.Errorf(label.ErrUsage, "read labels: %s names %q twice", source, c.Name)
		}
		seen[c.Name] = true
	}
	return classes, nil
}

func names(classes []inference.Class) []string {
	list := make([]string, len(classes))
	for i, c := range classes {
		list[i] = c.Name
	}
	return list
}

// nearest suggests the name that is nearest to what was typed, in a form that ends a sentence.
func nearest(typed string, names []string) string {
	best, distance := "", len(typed)/2+1
	for _, name := range names {
		if d := levenshtein.ComputeDistance(typed, name); d < distance {
			best, distance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}
