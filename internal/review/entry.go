package review

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"time"

	"github.com/labelloop/labelloop/internal/label"
)

// entry is an item as the page shows it.
type entry struct {
	Item        int64          `json:"item"`
	Round       int64          `json:"round"`  // that brought it up; 0: none
	Reason      label.Reason   `json:"reason"` // why it is in the queue; "": it isn't
	ID          string         `json:"id"`
	Text        string         `json:"text"`
	Pair        string         `json:"pair"`
	Image       string         `json:"image"` // where its picture is served; "" for a text
	Meta        map[string]any `json:"meta"`
	Blind       bool           `json:"blind"` // the suggestion is held back
	Suggestion  *suggestion    `json:"suggestion"`
	Model       int64          `json:"model"` // that suggests, or whose suggestion is held back; 0: none
	Annotations []opinion      `json:"annotations"`
}

// opinion is one person's word, as others are told of it.
type opinion struct {
	Annotator string        `json:"annotator"`
	Verdict   label.Verdict `json:"verdict"`
	Labels    []string      `json:"labels"`
	Note      string        `json:"note"`
	At        time.Time     `json:"at"`
}

// standing is an entry with what the project says of it now.
type standing struct {
	entry
	State  label.State `json:"state"`
	Labels []string    `json:"labels"`
}

// entries shows a person records, with the suggestions of the newest model version that has judged each. Those of the blind
// share are held back wherever the person comes upon them.
func (s *Server) entries(ctx context.Context, who string, records []label.Record) ([]entry, error) {
	numbers := make([]int64, len(records))
	for i, r := range records {
		numbers[i] = r.Item.Number
	}
	suggested, err := s.suggest(ctx, numbers)
	if err != nil {
		return nil, err
	}
	said, err := s.Store.StandingOf(ctx, numbers)
	if err != nil {
		return nil, err
	}
	opinions := map[int64][]opinion{}
	for _, a := range said {
		opinions[a.Item] = append(opinions[a.Item], opinion{a.Annotator, a.Verdict, append([]string{}, a.Labels...), a.Note, a.At})
	}
	list := make([]entry, len(records))
	for i, r := range records {
		it := r.Item
		e := entry{Item: it.Number, ID: it.ID, Text: it.Text, Pair: it.Pair, Meta: it.Meta, Annotations: opinions[it.Number]}
		if it.Image != "" {
			e.Image = "/media/" + strconv.FormatInt(it.Number, 10)
		}
		if e.Meta == nil {
			e.Meta = map[string]any{}
		}
		if e.Annotations == nil {
			e.Annotations = []opinion{}
		}
		if got := suggested[i]; got.model != 0 {
			e.Suggestion, e.Model = got.suggestion, got.model
		}
		if e.Blind = s.blind(it.Number, who); e.Blind {
			e.Suggestion = nil
		}
		list[i] = e
	}
	return list, nil
}

// standings shows records with their states and labels.
func (s *Server) standings(ctx context.Context, who string, records []label.Record) ([]standing, error) {
	entries, err := s.entries(ctx, who, records)
	if err != nil {
		return nil, err
	}
	list := make([]standing, len(records))
	for i, r := range records {
		list[i] = standing{entries[i], r.State, append([]string{}, r.Labels...)}
	}
	return list, nil
}

// blind tells whether an item belongs to the share that is shown to a person without a suggestion. It depends on nothing but
// the project, the item's number and the person, so that no reload uncovers it, and not on the random order that audits go by.
func (s *Server) blind(item int64, who string) bool {
	text := binary.BigEndian.AppendUint64([]byte("blind"), uint64(s.Store.Project().Created.UnixMilli()))
	text = append(binary.BigEndian.AppendUint64(text, uint64(item)), who...)
	sum := sha256.Sum256(text)
	return float64(binary.BigEndian.Uint64(sum[:])) < s.Blind*(1<<64)
}
