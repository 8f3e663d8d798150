package label

import (
	"encoding/hex"
	"errors"
	"testing"
)

func TestDigest(t *testing.T) {
	picture := func() ([]byte, error) { return []byte("abc"), nil }
	const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-2, appendix B.1
	for _, c := range []struct {
		item Item
		want string
	}{
		{Item{Text: "abc"}, abc},
		{Item{Image: "a.png", Text: "beside", Load: picture}, abc},
		{Item{Text: "abc", Pair: "abc"}, "3b771ca97e3c17698aff21227fa046b5622a30d8ee5d2de4ee1111a1cdf258ee"},
	} {
		if got, err := c.item.Digest(); err != nil || hex.EncodeToString(got[:]) != c.want {
			t.Errorf("digest of %+v is %x, want %s, %v", c.item, got, c.want, err)
		}
	}
	gone := errors.New("gone")
	for _, it := range []Item{{Image: "unread.png"}, {Image: "a.png", Load: func() ([]byte, error) { return nil, gone }}} {
		if _, err := it.Digest(); err == nil {
			t.Errorf("%s has a digest", it.Image)
		}
	}
}
