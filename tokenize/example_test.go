package tokenize_test

import (
	"fmt"

	"github.com/labelloop/labelloop/tokenize"
)

func ExampleTokenizer_Encode() {
	t, err := tokenize.Load("../testdata/tokenizers/bert.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer t.Close()
	text := "the café war"
	out := t.Encode(tokenize.Input{Text: text}, tokenize.Options{MaxLength: 128})
	if out.Err != nil {
		fmt.Println(out.Err)
		return
	}
	for i, s := range out.Encodings[0].Offsets {
		if out.Encodings[0].SpecialMask[i] == 0 {
			fmt.Println(string([]rune(text)[s.Start:s.End]))
		}
	}
	// Output:
	// the
	// café
	// war
}
