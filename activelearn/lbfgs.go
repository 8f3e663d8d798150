package activelearn

import (
	"errors"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
)

const (
	searchMemory     = 10   // steps from which the curvature is told
	searchIterations = 1000 // at most
	searchDecrease   = 1e-4 // share of what its slope promises that a step must gain (Armijo)
	searchRounding   = 1e-9 // of the value: differences that may be rounding
)

// minimise searches the minimum of a smooth convex function from x on, until no entry of the gradient is over tolerance,
// and gives the place. f gives the value and fills in the gradient. The method is L-BFGS (Liu & Nocedal, "On the limited
// memory BFGS method for large scale optimization", 1989) with backtracking, which suffices where the function is convex:
// every step then sees a curvature that is not negative. Near the minimum, where values differ by their rounding alone,
// steps are judged by slopes (the approximate Wolfe condition of Hager & Zhang, "A new conjugate gradient method with
// guaranteed descent and an efficient line search", 2005).
func minimise(f func(x, gradient []float64) float64, x []float64, tolerance float64) ([]float64, error) {
	x, gradient, direction := slices.Clone(x), make([]float64, len(x)), make([]float64, len(x))
	trial, trialGradient := make([]float64, len(x)), make([]float64, len(x))
	var past curvature
	value := f(x, gradient)
	for range searchIterations {
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return nil, errors.New("the objective is not finite: scale the features down")
		}
		if floats.Norm(gradient, math.Inf(1)) <= tolerance {
			break
		}
		past.direct(direction, gradient)
		slope, step := floats.Dot(direction, gradient), 1.0
		if len(past.steps) == 0 {
			step = min(1, 1/floats.Norm(gradient, 2))
		}
		for {
			floats.AddScaledTo(trial, x, step, direction)
			if slices.Equal(trial, x) {
				return x, nil // as low as float64 can tell
			}
			next := f(trial, trialGradient)
			if math.IsNaN(next) || next <= value+searchDecrease*step*slope || next <= value+searchRounding*math.Abs(value) &&
				floats.Dot(trialGradient, direction) <= (2*searchDecrease-1)*slope {
				value = next
				break
			}
			// The minimum of the parabola through value, slope and next, within bounds.
			step *= min(max(-slope*step/(2*(next-value-slope*step)), 0.1), 0.5)
		}
		past.learn(x, trial, gradient, trialGradient)
		x, trial = trial, x
		gradient, trialGradient = trialGradient, gradient
	}
	return x, nil
}

// curvature is what the last steps tell of the second derivatives.
type curvature struct {
	steps, changes [][]float64 // of the place and of the gradient, the oldest first
	inner          []float64   // products of the two
}

// learn takes in a step.
func (c *curvature) learn(from, to, gradientFrom, gradientTo []float64) {
	var step, change []float64
	if len(c.steps) == searchMemory {
		step, change = c.steps[0], c.changes[0]
		c.steps, c.changes, c.inner = c.steps[1:], c.changes[1:], c.inner[1:]
	} else {
		step, change = make([]float64, len(from)), make([]float64, len(from))
	}
	floats.SubTo(step, to, from)
	floats.SubTo(change, gradientTo, gradientFrom)
	if inner := floats.Dot(step, change); inner > 0 {
		c.steps, c.changes, c.inner = append(c.steps, step), append(c.changes, change), append(c.inner, inner)
	}
}

// direct gives the direction of Newton's method as far as the curvature is known (the two loops of L-BFGS).
func (c *curvature) direct(direction, gradient []float64) {
	floats.ScaleTo(direction, -1, gradient)
	last := len(c.steps) - 1
	if last < 0 {
		return
	}
	shares := make([]float64, last+1)
	for i := last; i >= 0; i-- {
		shares[i] = floats.Dot(c.steps[i], direction) / c.inner[i]
		floats.AddScaled(direction, -shares[i], c.changes[i])
	}
	floats.Scale(c.inner[last]/floats.Dot(c.changes[last], c.changes[last]), direction)
	for i, share := range shares {
		floats.AddScaled(direction, share-floats.Dot(c.changes[i], direction)/c.inner[i], c.steps[i])
	}
}
