package tokenize

import (
	"errors"
	"fmt"
)

// Truncation says which text of a pair gives way when both don't fit. On a single text all but DoNotTruncate and
// OnlySecond are the same.
type Truncation int

const (
	LongestFirst  Truncation = iota // the longer text, until both are of one length, then both
	OnlyFirst                       // the first text; an error if that is not enough
	OnlySecond                      // the second text; an error if that is not enough
	DoNotTruncate                   // neither: MaxLength has no effect
)

// cut is a range of the tokens of one text.
type cut struct{ start, end int }

// truncate gives, for texts of n[0] and n[1] tokens (n[1] counts for pairs alone), the ranges that remain: the first of
// a text is what a truncated encoding keeps, the others are the windows that overflow. It follows truncate_encodings
// in utils/truncation.rs of the tokenizers crate; room is the maximal length less the special tokens.
func truncate(n [2]int, pair bool, room int, o Options) (cuts [2][]cut, err error) {
	keep := n
	total := n[0]
	if pair {
		total += n[1]
	}
	if excess := total - room; excess > 0 {
		switch o.Truncation {
		case LongestFirst:
			if pair {
				keep = shareRoom(n, room)
			} else {
				keep[0] = room
			}
		case OnlyFirst:
			if keep[0] = n[0] - excess; keep[0] <= 0 {
				return cuts, fmt.Errorf("truncate the first text: %d tokens are too many and it has only %d: raise "+
					"the maximal length or truncate the longest first", excess, n[0])
			}
		case OnlySecond:
			if !pair {
				return cuts, errors.New("truncate the second text: there is none: truncate the first")
			}
			if keep[1] = n[1] - excess; keep[1] <= 0 {
				return cuts, fmt.Errorf("truncate the second text: %d tokens are too many and it has only %d: raise "+
					"the maximal length or truncate the longest first", excess, n[1])
			}
		}
	}
	for i := range cuts {
		switch {
		case keep[i] == n[i] || !o.Windows:
			cuts[i] = []cut{{0, keep[i]}}
		case o.Stride >= keep[i]:
			return cuts, fmt.Errorf("cut windows of %d tokens with a stride of %d: lower the stride or raise the "+
				"maximal length", keep[i], o.Stride)
		default:
			cuts[i] = windows(n[i], keep[i], o.Stride)
		}
	}
	return cuts, nil
}

// shareRoom is longest_first: the shorter text stays whole while it takes up no more than half of the room.
func shareRoom(n [2]int, room int) [2]int {
	short, long := n[0], n[1]
	swapped := short > long
	if swapped {
		short, long = long, short
	}
	if short > room {
		long = short
	} else {
		long = max(short, room-short)
	}
	if short+long > room {
		short = room / 2
		long = short + room%2
	}
	if swapped {
		short, long = long, short
	}
	return [2]int{short, long}
}

// windows covers n tokens with windows of size tokens; each begins stride tokens before the end of the one before.
func windows(n, size, stride int) []cut {
	var cuts []cut
	for start := 0; ; start += size - stride {
		end := min(start+size, n)
		cuts = append(cuts, cut{start, end})
		if end == n {
			return cuts
		}
	}
}
