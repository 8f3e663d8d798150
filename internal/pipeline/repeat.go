package pipeline

import (
	"crypto/sha256"
	"encoding/binary"
	"sync/atomic"

	"github.com/labelloop/labelloop/inference"
)

// answer is what the model says of a row: a vector, or why there is none. Rows that are the same share one.
type answer struct {
	vector []float32
	err    error
}

// repeatBytes is about how much memory answers may take that are kept for rows that come again.
const repeatBytes = 24 << 20

// repeats finds rows that were met before. It keeps two generations: when the younger one is full, what was not met again
// since the one before is forgotten.
type repeats struct {
	young, old map[[16]byte]*answer
	width      atomic.Int64 // numbers of a vector, 0 before the first
}

// find gives the answer that a row shares with an equal one, or a new answer, which has still to be found out.
func (r *repeats) find(row inference.Row) (a *answer, met bool) {
	key := digest(row)
	if a, met = r.young[key]; met {
		return a, true
	}
	if len(r.young) >= r.room() || r.young == nil {
		r.young, r.old = map[[16]byte]*answer{}, r.young
	}
	if a, met = r.old[key]; !met {
		a = &answer{}
	}
	r.young[key] = a
	return a, met
}

// room is how many answers a generation holds.
func (r *repeats) room() int {
	const beside = 128 // bytes of a key, its place in the map, and the answer
	return repeatBytes / 2 / (beside + 4*int(max(r.width.Load(), 256)))
}

// digest tells rows apart: SHA-256 of all that the graph is fed, cut to 128 bits.
func digest(row inference.Row) [16]byte {
	h := sha256.New()
	h.Write(row.Pixels)
	var buffer []byte
	for _, list := range [][]int64{row.Tokens.IDs, row.Tokens.Mask, row.Tokens.TypeIDs} {
		buffer = binary.LittleEndian.AppendUint64(buffer[:0], uint64(len(list)))
		for _, n := range list {
			buffer = binary.LittleEndian.AppendUint64(buffer, uint64(n))
		}
		h.Write(buffer)
	}
	return [16]byte(h.Sum(nil)[:16])
}
