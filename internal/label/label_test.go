package label

import (
	"encoding/json"
	"errors"
	"io/fs"
	"testing"
)

func TestScoresKeepTheirOrder(t *testing.T) {
	const text = `{"zebra":0.7,"\"a\"":0.2,"naïve":0.1}`
	var s Scores
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	if len(s) != 3 || s[0] != (Score{"zebra", 0.7}) || s[1].Label != `"a"` {
		t.Errorf("scores are %v", s)
	}
	if back, err := json.Marshal(s); err != nil || string(back) != text {
		t.Errorf("scores are written as %s, %v", back, err)
	}
	for _, bad := range []string{`[1]`, `{"a":"b"}`, `{"a":1`, `3`} {
		if err := json.Unmarshal([]byte(bad), &s); err == nil {
			t.Errorf("%s is read without an error", bad)
		}
	}
}

func TestErrorsNameTheirPlaceAndKeepTheirKind(t *testing.T) {
	err := Place{File: "50%d.csv", Line: 7}.Errorf("open: %w", Errorf(ErrUsage, "no column %q: %w", "x", fs.ErrNotExist))
	if want := `50%d.csv:7: open: no column "x": file does not exist`; err.Error() != want {
		t.Errorf("error is %s, want %s", err, want)
	}
	if !errors.Is(err, ErrUsage) || !errors.Is(err, fs.ErrNotExist) {
		t.Error("kind or cause is lost")
	}
}
