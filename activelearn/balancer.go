package activelearn

import (
	"fmt"
	"math/rand/v2"
)

// ClassBalancer asks another strategy for items of each predicted class, as many as bring the labels nearest to equal
// numbers of all classes (as small-text 2.0 does). What an item is predicted to be may be wrong: the balance is an aim, no
// promise. Of classes that are equally short of labels, the lowest goes first. It reads Probs (single label) and Labels,
// and what Base reads.
type ClassBalancer struct {
	Base Strategy
}

// Select implements Strategy.
func (b ClassBalancer) Select(pool Pool, n int, rng *rand.Rand) ([]int, error) {
	if err := pool.check(probs); err != nil {
		return nil, fmt.Errorf("class balancer: %w", err)
	}
	members := make([][]int, pool.classes())
	for _, item := range pool.unlabelled() {
		class := Argmax(pool.Probs.Row(item))
		members[class] = append(members[class], item)
	}
	turns := balance(pool, members, n)
	wanted := make([]int, len(members))
	for _, class := range turns {
		wanted[class]++
	}
	choices := make([][]int, len(members))
	for class, k := range wanted {
		if k == 0 {
			continue
		}
		var err error
		if choices[class], err = within(b.Base, pool, members[class], k, rng); err != nil {
			return nil, err
		}
	}
	picks := make([]int, 0, len(turns))
	for _, class := range turns {
		if of := choices[class]; len(of) > 0 {
			picks, choices[class] = append(picks, of[0]), of[1:]
		}
	}
	return picks, nil
}

// balance gives the classes to take n items of, one after the other: each time the class with the fewest labels, those to
// come counted in, of the classes that have members left.
func balance(pool Pool, members [][]int, n int) []int {
	have, left := make([]int, len(members)), make([]int, len(members))
	for _, classes := range pool.Labels {
		for _, class := range classes {
			have[class]++
		}
	}
	for class, items := range members {
		left[class] = len(items)
	}
	var turns []int
	for len(turns) < n {
		next := -1
		for class, n := range left {
			if n > 0 && (next < 0 || have[class] < have[next]) {
				next = class
			}
		}
		if next < 0 {
			break
		}
		turns = append(turns, next)
		have[next]++
		left[next]--
	}
	return turns
}
