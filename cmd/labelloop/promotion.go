package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
	"github.com/labelloop/labelloop/models"
	"github.com/labelloop/labelloop/models/gate"
)

// ownModels holds the models of a project: candidates that were trained or brought in, one of them in use.
func ownModels(project string) models.Registry {
	return models.Registry{Dirs: []string{filepath.Join(project, "models")}}
}

// projectModels searches a project's own models, then the others.
func projectModels(project string) models.Registry {
	return models.Registry{Dirs: append(ownModels(project).Dirs, registry().Dirs...)}
}

// promoted opens the model that is in use in a project: of the one that was promoted last and is still current. Where none
// was the error is of kind label.ErrNotFound.
func promoted(ctx context.Context, s *sqlite.Store) (*models.Model, error) {
	record, err := inForce(ctx, s)
	if err != nil {
		return nil, err
	}
	if len(record) == 0 {
		return nil, label.Errorf(label.ErrNotFound, "no model was promoted in project %s; train one by `labelloop train`, or bring one in by `labelloop models promote`", s.Dir())
	}
	return ownModels(s.Dir()).Promoted(record[len(record)-1].Name)
}

// inForce gives the promotions that were not rolled back, the one in use last.
func inForce(ctx context.Context, s *sqlite.Store) ([]label.Promotion, error) {
	all, err := happened(ctx, s)
	var stack []label.Promotion
	for _, p := range all {
		if p.Kind == label.Rollback {
			stack = stack[:max(len(stack)-1, 0)]
		} else {
			stack = append(stack, p)
		}
	}
	return stack, err
}

// happened gives the promotions and rollbacks that took place. A record is written before the pointer is swapped, so one that
// was cut off may be on record, too: it is one whose version the next one, or the pointer, does not know as the one in use.
func happened(ctx context.Context, s *sqlite.Store) ([]label.Promotion, error) {
	record, err := s.Promotions(ctx)
	if err != nil {
		return nil, err
	}
	var list []label.Promotion
	for i, p := range record {
		if i+1 < len(record) && record[i+1].Before != p.String() {
			continue
		}
		if i+1 == len(record) {
			m, err := ownModels(s.Dir()).Promoted(p.Name)
			if err != nil && !errors.Is(err, models.ErrNotFound) {
				return nil, err
			}
			if err != nil || m.Manifest.Version != p.Version {
				continue
			}
		}
		list = append(list, p)
	}
	return list, nil
}

// promote brings a model into use in a project: it is copied to the project's own models unless it is there, the promotion is
// recorded, and the pointer is swapped. reason is why, where a person says so; v is nil where there was nothing to judge by.
func promote(ctx context.Context, s *sqlite.Store, m *models.Model, v *gate.Verdict, reason string) (*models.Model, error) {
	own := ownModels(s.Dir())
	if filepath.Dir(filepath.Dir(m.Dir)) != own.Dirs[0] {
		var err error
		if m, err = own.Add(ctx, m.Dir, m.Manifest.Name); err != nil {
			return nil, err
		}
	}
	p := label.Promotion{Kind: label.Promote, Name: m.Manifest.Name, Version: m.Manifest.Version, Reason: reason}
	if v != nil {
		var err error
		if p.Verdict, err = json.Marshal(v); err != nil {
			return nil, err
		}
		p.Evaluation = v.Set.Version
	}
	return m, enact(ctx, s, p)
}

// rollback brings the model back that was in use before.
func rollback(ctx context.Context, s *sqlite.Store, reason string) (*models.Model, error) {
	stack, err := inForce(ctx, s)
	if err != nil {
		return nil, err
	}
	if len(stack) < 2 {
		return nil, label.Errorf(label.ErrNotFound, "project %s has no model to go back to: %d promotions are in force", s.Dir(), len(stack))
	}
	to := stack[len(stack)-2]
	if err := enact(ctx, s, label.Promotion{Kind: label.Rollback, Name: to.Name, Version: to.Version, Reason: reason}); err != nil {
		return nil, err
	}
	return ownModels(s.Dir()).Promoted(to.Name)
}

// enact records a promotion and swaps the pointer. In this order nothing comes into use that is not on record.
func enact(ctx context.Context, s *sqlite.Store, p label.Promotion) error {
	own := ownModels(s.Dir())
	m, err := findModel(ctx, s, own, p.String())
	if err != nil {
		return err
	}
	if err := m.Verify(); err != nil {
		return err
	}
	now, err := promoted(ctx, s)
	switch {
	case err == nil:
		p.Before = now.String()
	case !errors.Is(err, label.ErrNotFound):
		return err
	}
	p.By = person()
	if _, err := s.PutPromotion(ctx, p); err != nil {
		return err
	}
	if _, err := own.Promote(p.Name, p.Version); err != nil {
		return fmt.Errorf("%s is on record, but not in use: %w", p.Kind, err)
	}
	return nil
}
