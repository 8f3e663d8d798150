package models

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// unknown makes the error for a name that no entry has.
func (r Registry) unknown(name string, all []entry) error {
	where := strings.Join(r.Dirs, ", ")
	if len(all) == 0 {
		return fmt.Errorf("find model %q: %s has no models; labelloop models import DIR adds one: %w", name, where, ErrNotFound)
	}
	names := make([]string, len(all))
	for i, e := range all {
		names[i] = e.name
	}
	slices.Sort(names)
	names = slices.Compact(names)
	slices.SortStableFunc(names, func(a, b string) int { return distance(name, a) - distance(name, b) })
	hint := ""
	if near := names[0]; distance(name, near) <= 1+len(near)/3 {
		hint = fmt.Sprintf("; did you mean %s?", near)
	}
	return fmt.Errorf("find model %q: no directory, and not in %s, which has %s%s: %w", name, where, some(names), hint, ErrNotFound)
}

// distance is the Levenshtein distance between two names, letters of either case alike.
func distance(a, b string) int {
	return levenshtein.ComputeDistance(strings.ToLower(a), strings.ToLower(b))
}
