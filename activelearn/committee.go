package activelearn

import (
	"math"
	"math/rand/v2"
	"slices"
)

// BALD picks the items on which the members of a committee disagree most surely: the mutual information of the class and
// the member, which is the entropy of the mean probabilities less the mean entropy (Houlsby et al. 2011, "Bayesian active
// learning for classification and preference learning"). It reads Committee: versions of a model, heads or dropout
// samples, two or more.
type BALD struct{}

// Select implements Strategy.
func (BALD) Select(pool Pool, n int, _ *rand.Rand) ([]int, error) {
	return selectLowest("BALD", pool, committee, n, func(item int) float64 {
		return -mutualInformation(pool.Committee, item)
	})
}

// VoteEntropy picks the items with the highest entropy of the members' votes, a vote being a member's most likely class,
// the lower one of equals (Dagan & Engelson 1995, "Committee-based sampling for training probabilistic classifiers"). It
// reads Committee, of two members or more.
type VoteEntropy struct{}

// Select implements Strategy.
func (VoteEntropy) Select(pool Pool, n int, _ *rand.Rand) ([]int, error) {
	return selectLowest("vote entropy", pool, committee, n, func(item int) float64 {
		return -voteEntropy(pool.Committee, item)
	})
}

// mutualInformation of class and member, in bits. It is computed as the mean divergence of the members from their mean,
// so that members that agree exactly give exactly 0.
func mutualInformation(members []Matrix, item int) float64 {
	var bits float64
	for class := range members[0].Cols {
		var mean float64
		for _, member := range members {
			mean += float64(member.Row(item)[class])
		}
		mean /= float64(len(members))
		for _, member := range members {
			if p := float64(member.Row(item)[class]); p > 0 {
				bits += p * math.Log2(p/mean)
			}
		}
	}
	return bits / float64(len(members))
}

// voteEntropy is the entropy of the votes in nats.
func voteEntropy(members []Matrix, item int) float64 {
	votes := make([]int, members[0].Cols)
	for _, member := range members {
		votes[Argmax(member.Row(item))]++
	}
	slices.Sort(votes) // the same votes for other classes sum in the same order, to the same bits
	var nats float64
	for _, v := range votes {
		if v > 0 {
			share := float64(v) / float64(len(members))
			nats -= share * math.Log(share)
		}
	}
	return nats
}
