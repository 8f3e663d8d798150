package label

import (
	"crypto/sha256"
)

// Digest is the SHA-256 of an item's content, by which duplicates are found: of the text, of the two digests of a pair's
// texts, or of the picture's encoded bytes.
func (it Item) Digest() ([sha256.Size]byte, error) {
	switch {
	case it.Image != "" && it.Load == nil:
		return [sha256.Size]byte{}, it.Place.Errorf("the picture %s can't be loaded", it.Image)
	case it.Image != "":
		picture, err := it.Load()
		if err != nil {
			return [sha256.Size]byte{}, it.Place.Errorf("%w", err)
		}
		return sha256.Sum256(picture), nil
	case it.Pair != "":
		first, second := sha256.Sum256([]byte(it.Text)), sha256.Sum256([]byte(it.Pair))
		return sha256.Sum256(append(first[:], second[:]...)), nil
	}
	return sha256.Sum256([]byte(it.Text)), nil
}
