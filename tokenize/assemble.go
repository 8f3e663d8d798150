package tokenize

import "slices"

// segment is a slot of the template with the range of tokens that fills it.
type segment struct {
	slot
	cut
}

// fill puts the cuts of the texts into the template: the first cuts in the first row, then all other combinations in
// the order in which Encoding::merge_with (tokenizer/encoding.rs of the tokenizers crate) makes them.
func fill(slots []slot, cuts [2][]cut) [][]segment {
	var first []segment
	var others [][]segment
	join := func(row []segment, s segment) []segment { return append(slices.Clip(row), s) }
	for _, s := range slots {
		main, overflow := segment{slot: s, cut: cut{0, len(s.ids)}}, []segment(nil)
		if s.ids == nil {
			main.cut = cuts[s.sequence][0]
			for _, c := range cuts[s.sequence][1:] {
				o := segment{slot: s, cut: c}
				o.typeID = s.overflowTypeID
				overflow = append(overflow, o)
			}
		}
		var rows [][]segment
		for _, row := range others {
			rows = append(rows, join(row, main))
			for _, o := range overflow {
				rows = append(rows, join(row, o))
			}
		}
		for _, o := range overflow {
			rows = append(rows, join(first, o))
		}
		first, others = join(first, main), rows
	}
	return append([][]segment{first}, others...)
}

// assemble writes out a row, with word ids where all its texts have them.
func (t *Tokenizer) assemble(row []segment, texts *[2]sequence, hasWords bool) Encoding {
	n := 0
	for _, s := range row {
		n += s.end - s.start
		if s.ids == nil && s.end > s.start && texts[s.sequence].words == nil {
			hasWords = false
		}
	}
	numbers := make([]int64, 4*n)
	e := Encoding{
		IDs:         numbers[:n:n],
		TypeIDs:     numbers[n : 2*n : 2*n],
		Mask:        numbers[2*n : 3*n : 3*n],
		SpecialMask: numbers[3*n:],
		Offsets:     make([]Span, n),
	}
	if hasWords {
		e.WordIDs = make([]int, n)
	}
	at := 0
	for _, s := range row {
		for i := s.start; i < s.end; i++ {
			e.TypeIDs[at], e.Mask[at] = s.typeID, 1
			word := -1
			if s.ids != nil {
				e.IDs[at], e.SpecialMask[at] = s.ids[i], 1
			} else {
				text := &texts[s.sequence]
				e.IDs[at], e.Offsets[at] = int64(text.ids[i]), text.spans[i]
				for _, addPrefixSpace := range t.def.post.trims {
					e.Offsets[at] = text.affixes[i].trim(e.Offsets[at], i == s.start, addPrefixSpace)
				}
				if hasWords {
					word = text.words[i]
				}
			}
			if hasWords {
				e.WordIDs[at] = word
			}
			at++
		}
	}
	return e
}
