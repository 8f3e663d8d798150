package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"math/bits"
	"slices"
	"sync"
	"time"
)

// sketch holds the signs of the numbers of an encoder's embeddings, which say enough of their angles to tell which few are
// worth a look at the numbers: 48 bytes where these take 1,536 (Charikar, 2002, with the embedding's own axes as
// directions).
type sketch struct {
	encoder int64
	stride  int // words of a row
	items   []int64
	signs   []uint64 // a row for each item
}

// sketches keeps the sketch that was used last.
type sketches struct {
	mu sync.Mutex
	sketch
	counted time.Time // when it held all there was
}

// recount is how long a sketch is taken to be whole: to count a million embeddings takes longer than to search them.
const recount = time.Minute

// fresh gives the sketch if it was whole a moment ago.
func (k *sketches) fresh() (sketch, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sketch, time.Since(k.counted) < recount
}

// upTo brings the sketch up to the n embeddings that an encoder has of some dimensions, and gives it. It may know of some that
// tx does not see yet.
func (k *sketches) upTo(ctx context.Context, tx *sql.Tx, encoder int64, n, dims int) (sketch, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.encoder == encoder && len(k.items) >= n {
		k.counted = time.Now()
		return k.sketch, nil
	}
	next := k.sketch
	if next.encoder != encoder {
		next = sketch{encoder: encoder, stride: (dims + 63) / 64}
	}
	err := next.read(ctx, tx, dims)
	if err == nil && len(next.items) != n { // some were added between others
		next = sketch{encoder: encoder, stride: next.stride}
		err = next.read(ctx, tx, dims)
	}
	if err == nil {
		k.sketch, k.counted = next, time.Now()
	}
	return next, err
}

// read adds the embeddings of items of higher numbers.
func (k *sketch) read(ctx context.Context, tx *sql.Tx, dims int) error {
	first, last := span(k.encoder)
	if n := len(k.items); n > 0 {
		first = rowID(k.encoder, k.items[n-1]+1)
	}
	var item int64
	var raw sql.RawBytes
	vector := make([]float32, dims)
	return each(ctx, tx, func(rows *sql.Rows) error {
		if err := rows.Scan(&item, &raw); err != nil {
			return err
		}
		if err := floats(vector, raw); err != nil {
			return err
		}
		k.items, k.signs = append(k.items, item), append(k.signs, signsOf(vector)...)
		return nil
	}, "SELECT item_id, vector FROM embeddings WHERE id BETWEEN ? AND ?", first, last)
}

// signsOf gives a row: bits of the numbers that are above 0.
func signsOf(vector []float32) []uint64 {
	row := make([]uint64, (len(vector)+63)/64)
	for i, v := range vector {
		if v > 0 {
			row[i/64] |= 1 << (i % 64)
		}
	}
	return row
}

// widened is how many times as many as are wanted are taken by signs alone.
const widened = 8

// nearest gives about the n items whose embeddings have the smallest angles to a vector, in no order. Of those that share the
// most signs with it, the numbers of the vector, summed with the others' signs, tell more.
func (k *sketch) nearest(vector []float32, n int) []int64 {
	near := k.closest(signsOf(vector), widened*n)
	found := make([]neighbour, len(near))
	for i, at := range near {
		row := k.signs[at*k.stride : (at+1)*k.stride]
		var sum float32
		for j, v := range vector {
			if row[j/64]>>(j%64)&1 == 1 {
				sum += v
			} else {
				sum -= v
			}
		}
		found[i] = neighbour{k.items[at], float64(sum)}
	}
	slices.SortFunc(found, func(a, b neighbour) int { return cmp.Compare(b.cosine, a.cosine) })
	items := make([]int64, min(n, len(found)))
	for i := range items {
		items[i] = found[i].item
	}
	return items
}

// closest gives the places of the n rows that differ from a row in the fewest bits.
func (k *sketch) closest(row []uint64, n int) []int {
	differ := make([]uint16, len(k.items))
	counts := make([]int, 64*k.stride+1)
	for i := range differ {
		d := 0
		for j, signs := range k.signs[i*k.stride : (i+1)*k.stride] {
			d += bits.OnesCount64(signs ^ row[j])
		}
		differ[i] = uint16(d)
		counts[d]++
	}
	most, sum := 0, counts[0] // rows that differ in so many bits or fewer
	for most < len(counts)-1 && sum+counts[most+1] <= n {
		most++
		sum += counts[most]
	}
	places := make([]int, 0, n)
	rest := n - sum // of those that differ in one more
	for i, d := range differ {
		switch {
		case int(d) <= most:
			places = append(places, i)
		case int(d) == most+1 && rest > 0:
			places, rest = append(places, i), rest-1
		}
	}
	return places
}

// neighbour is an item and how near it is.
type neighbour struct {
	item   int64
	cosine float64
}
