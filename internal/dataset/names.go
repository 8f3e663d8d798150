package dataset

import (
	"slices"
	"strings"
)

// Fields that rows of tables and JSON objects have beside their columns: all that people said of the item, the metadata
// that makes no column of its own, and the second text of a pair.
const (
	fieldAnnotations = "annotations"
	fieldMeta        = "meta"
	fieldPair        = "pair"
	fieldGold        = "gold"
)

// metaPrefix is put before the name of a metadata field that would be taken for something else when it is read back.
const metaPrefix = "meta."

// escape gives the name that a metadata field is written under, where the reserved names are told by a function; it can
// be undone whatever the name is.
func escape(name string, reserved func(string) bool) string {
	if reserved(baseName(name)) {
		return metaPrefix + name
	}
	return name
}

// unescape undoes escape.
func unescape(name string, reserved func(string) bool) string {
	if rest, ok := strings.CutPrefix(name, metaPrefix); ok && reserved(baseName(name)) {
		return rest
	}
	return name
}

func baseName(name string) string {
	for strings.HasPrefix(name, metaPrefix) {
		name = name[len(metaPrefix):]
	}
	return name
}

// escapeAll gives metadata under the names that it is written under.
func escapeAll(meta map[string]any, reserved func(string) bool) map[string]any {
	out := make(map[string]any, len(meta))
	for name, v := range meta {
		out[escape(name, reserved)] = v
	}
	return out
}

// unescapeAll undoes escapeAll in place. A name that is taken stays as it is.
func unescapeAll(meta map[string]any, reserved func(string) bool) {
	var escaped []string
	for name := range meta {
		if unescape(name, reserved) != name {
			escaped = append(escaped, name)
		}
	}
	slices.SortFunc(escaped, func(a, b string) int { return len(a) - len(b) }) // what makes room for another goes first
	for _, name := range escaped {
		to := unescape(name, reserved)
		if _, taken := meta[to]; !taken {
			meta[to] = meta[name]
			delete(meta, name)
		}
	}
}

// reserved tells names that a reader with these columns would, or might, take for one of them.
func (c Columns) reserved(name string) bool {
	if name == fieldAnnotations || name == fieldPair || name == c.Pair && name != "" {
		return true
	}
	for _, f := range []struct {
		column string
		usual  []string
	}{{c.ID, usualID}, {c.Text, c.contents()}, {c.Label, usualLabel}} {
		if f.column == name && name != "" {
			return true
		}
		if f.column == "" && usual("", f.usual, []string{name}) != "" {
			return true
		}
	}
	return false
}
