package browser

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// decision is what a person said of an item.
type decision struct {
	verdict label.Verdict
	labels  string // joined by commas
}

// decisions is what a test knows a person to have decided. It knows nothing of the page and of the database.
type decisions struct {
	standing map[int64]decision
	undos    []map[int64]decision // what each decision replaced; an empty decision where there was none
}

func newDecisions() *decisions { return &decisions{standing: map[int64]decision{}} }

// decide notes decisions that one undo takes back.
func (d *decisions) decide(made map[int64]decision) {
	was := map[int64]decision{}
	for item, now := range made {
		was[item] = d.standing[item]
		d.standing[item] = now
	}
	d.undos = append(d.undos, was)
}

func (d *decisions) undo() {
	last := len(d.undos) - 1
	for item, was := range d.undos[last] {
		if was == (decision{}) {
			delete(d.standing, item)
		} else {
			d.standing[item] = was
		}
	}
	d.undos = d.undos[:last]
}

// next gives the first of the items that nothing was decided of, 0 where all are.
func (d *decisions) next(order []int64) int64 {
	for _, item := range order {
		if _, done := d.standing[item]; !done {
			return item
		}
	}
	return 0
}

// meant gives what a key says of an item: commands by their letters, Enter, and labels by the keys that they have.
func (p *project) meant(item int64, key string) decision {
	switch key {
	case "Enter":
		return decision{label.Accepted, strings.Join(p.guess[item], ",")}
	case "x":
		return decision{verdict: label.Rejected}
	case "s":
		return decision{verdict: label.Skipped}
	case "f":
		return decision{verdict: label.Flagged}
	}
	name := p.labels[slices.Index(labelKeys, key)]
	if slices.Equal(p.guess[item], []string{name}) {
		return decision{label.Accepted, name}
	}
	return decision{label.Corrected, name}
}

// labelKeys are the keys of labels in their order, as the page's help tells them.
var labelKeys = func() (list []string) {
	for _, key := range "1234567890abcdehijklmnopqrtuvwy" {
		list = append(list, string(key))
	}
	return append(list, "Shift+f", "Shift+g", "Shift+s", "Shift+x", "Shift+z")
}()

// holds fails the test where the database does not hold exactly what people decided.
func (p *project) holds(people map[string]*decisions) {
	p.Helper()
	p.use(func(s *sqlite.Store) error {
		said := map[string]map[int64][]label.Annotation{}
		keys := map[string]bool{}
		for a, err := range s.Annotations(p.Context(), 0) {
			if err != nil {
				return err
			}
			if keys[a.Key] {
				p.Errorf("the key %s is there twice", a.Key)
			}
			keys[a.Key] = true
			if said[a.Annotator] == nil {
				said[a.Annotator] = map[int64][]label.Annotation{}
			}
			list := said[a.Annotator][a.Item]
			if a.Verdict == label.Undone {
				list = slices.DeleteFunc(list, func(b label.Annotation) bool { return b.ID == a.Undoes })
			} else {
				list = append(list, a)
			}
			said[a.Annotator][a.Item] = list
		}
		for who, wanted := range people {
			found := map[int64]decision{}
			for item, list := range said[who] {
				if n := len(list); n > 0 {
					found[item] = decision{list[n-1].Verdict, strings.Join(list[n-1].Labels, ",")}
				}
			}
			if !maps.Equal(found, wanted.standing) {
				p.Errorf("%s decided other things than the database holds:\n%s", who, differences(wanted.standing, found))
			}
			delete(said, who)
		}
		for who := range said {
			p.Errorf("the database holds decisions of %s, who made none", who)
		}
		faults, err := s.Check(p.Context())
		if len(faults) > 0 {
			p.Errorf("the project has faults %q", faults)
		}
		return err
	})
}

func differences(wanted, found map[int64]decision) string {
	var b strings.Builder
	all := maps.Clone(wanted)
	maps.Copy(all, found)
	for _, item := range slices.Sorted(maps.Keys(all)) {
		if wanted[item] != found[item] {
			fmt.Fprintf(&b, "item %d: %v, and in the database %v\n", item, wanted[item], found[item])
		}
	}
	return b.String()
}
