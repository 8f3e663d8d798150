// Package label holds the nouns that every room shares: items, predictions, results and the errors that people see.
// It imports the standard library only.
package label

import (
	"fmt"
	"strconv"
)

// Item is one thing to be labelled, as it was read from its source.
type Item struct {
	ID    string         // the source's own id, or "FILE:LINE" where it gives none
	Text  string         // text items: valid or invalid UTF-8, as read
	Pair  string         // second text of a pair, "" where there is none
	Image string         // image items: path of the picture, ARCHIVE/MEMBER for one in an archive
	Gold  []string       // known labels, where the source has them
	Meta  map[string]any // the source's other columns, JSON values
	Place Place

	Number int64 // in its project, in the order of import; 0 outside of a project
	Split  Split // in its project

	// Load reads the encoded picture of an image item; nil for texts. Held is how many bytes of memory it holds for
	// that, which are 0 where it reads a file.
	Load func() ([]byte, error)
	Held int

	// Err is set by a source that could not read this item. The item is carried along so that it ends as one
	// error record in its place, and is never encoded.
	Err error
}

// Place says where an item stands in its source.
type Place struct {
	File string // as the person named it, "-" for standard input
	Line int    // 1-based line on which the record starts; row number in formats without lines; 0: the file is the item
}

// String gives "FILE:LINE", or "FILE" where the file is the item.
func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line)
}

// Errorf makes an error that begins with the place.
func (p Place) Errorf(format string, args ...any) error {
	return fmt.Errorf("%s: "+format, append([]any{p}, args...)...)
}
