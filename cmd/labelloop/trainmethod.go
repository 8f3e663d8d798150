package main

import (
	"fmt"

	"github.com/labelloop/labelloop/internal/train"
	"github.com/labelloop/labelloop/models"
)

// methodAuto leaves the method to what there is.
const methodAuto = "auto"

// From how many labelled items on auto trains the encoder itself: in all, and for each label on average. Far below a head
// is better by many points, far above it fine-tuning is by one or two (docs/training.md).
const (
	manyItems = 500
	manyEach  = 50
)

// methodFor chooses the method of training, and says why.
func methodFor(encoder *models.Model, t *trainingSet) (method, why string) {
	_, err := train.Find(homes())
	switch m := encoder.Manifest; {
	case m.Task == models.ZeroShotImage && m.Labels != nil:
		return "head", encoder.String() + " is no network that scripts/train.py can train"
	case t.Items < manyItems || t.Items < manyEach*len(t.names):
		return "head", fmt.Sprintf("fine-tuning pays from about %s items and %d of each label on", thousands(manyItems), manyEach)
	case err != nil:
		return "head", err.Error()
	}
	return "finetune", fmt.Sprintf("there are %d items of each label on average, and a training environment", t.Items/len(t.names))
}
