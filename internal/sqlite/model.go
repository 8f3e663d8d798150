package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"

	"github.com/labelloop/labelloop/internal/label"
)

// RegisterModel enters a model version, and gives it with its ID. Its labels are tied to those of the label set that have
// the same names now, and follow them from then on. Registered again it is given as it was, except for its calibration,
// which is taken where there is one; with other labels it is an error of kind label.ErrConflict.
func (s *Store) RegisterModel(ctx context.Context, m label.Model) (label.Model, error) {
	err := s.write(ctx, "register a model in", func(tx *sql.Tx) error {
		there, err := modelsWhere(ctx, tx, "name = ? AND version = ?", m.Name, m.Version)
		if err != nil {
			return err
		}
		if len(there) > 0 {
			if !slices.Equal(there[0].Labels, m.Labels) {
				return label.Errorf(label.ErrConflict, "register model %s: the project holds it with other labels; give this one another version", m)
			}
			if m.Calibration == nil {
				m.Calibration = there[0].Calibration
			}
			m.ID, m.Registered = there[0].ID, there[0].Registered
			_, err := tx.Exec("UPDATE models SET calibration = ? WHERE id = ?", raw(m.Calibration), m.ID)
			return err
		}
		at := now()
		m.Registered = moment(at)
		res, err := tx.Exec("INSERT INTO models (name, version, calibration, registered) VALUES (?, ?, ?, ?)",
			m.Name, m.Version, raw(m.Calibration), at)
		if err != nil {
			return err
		}
		if m.ID, err = res.LastInsertId(); err != nil {
			return err
		}
		for i, name := range m.Labels {
			_, err := tx.Exec(`INSERT INTO model_labels VALUES (?1, ?2, ?3,
				(SELECT label_id FROM label_names WHERE name = ?3 AND until IS NULL))`, m.ID, i, name)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return m, err
}

// Model finds a model version by its name and version.
func (s *Store) Model(ctx context.Context, name, version string) (m label.Model, err error) {
	err = s.read(ctx, "read the models of", func(tx *sql.Tx) error {
		list, err := modelsWhere(ctx, tx, "name = ? AND version = ?", name, version)
		if err == nil && len(list) == 0 {
			err = label.Errorf(label.ErrNotFound, "project %s has no predictions of model %s@%s; make them with `labelloop predict`",
				s.dir, name, version)
		}
		if err == nil {
			m = list[0]
		}
		return err
	})
	return m, err
}

// Models gives all model versions in the order in which they were registered.
func (s *Store) Models(ctx context.Context) (list []label.Model, err error) {
	err = s.read(ctx, "read the models of", func(tx *sql.Tx) error {
		list, err = modelsWhere(ctx, tx, "true")
		return err
	})
	return list, err
}

func modelsWhere(ctx context.Context, tx *sql.Tx, where string, args ...any) ([]label.Model, error) {
	var list []label.Model
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var m label.Model
		var calibration, labels []byte
		var registered int64
		if err := rows.Scan(&m.ID, &m.Name, &m.Version, &calibration, &registered, &labels); err != nil {
			return err
		}
		m.Calibration, m.Registered = calibration, moment(registered)
		err := json.Unmarshal(labels, &m.Labels)
		list = append(list, m)
		return err
	}, `SELECT id, name, version, calibration, registered,
			(SELECT json_group_array(name ORDER BY position) FROM model_labels WHERE model_id = models.id)
		FROM models WHERE `+where+" ORDER BY id", args...)
	return list, err
}

// ModelLabels gives for each probability of a model version the ID of its label in the present label set; 0 where the set
// has no such label (any more).
func (s *Store) ModelLabels(ctx context.Context, model int64) (ids []int64, err error) {
	err = s.read(ctx, "read the models of", func(tx *sql.Tx) error {
		ids, err = modelLabels(ctx, tx, model)
		return err
	})
	return ids, err
}

func modelLabels(ctx context.Context, tx *sql.Tx, model int64) ([]int64, error) {
	return integers(ctx, tx, `
		SELECT coalesce(l.id, 0) FROM model_labels m LEFT JOIN labels l ON l.id = m.label_id AND l.state = 'active'
		WHERE m.model_id = ? ORDER BY m.position`, model)
}

// raw is NULL for no JSON.
func raw(text json.RawMessage) any {
	if text == nil {
		return nil
	}
	return string(text)
}

// RegisterEncoder enters an encoder, and gives it with its ID. Registered again it is given as it was; with another number
// of dimensions it is an error of kind label.ErrConflict.
func (s *Store) RegisterEncoder(ctx context.Context, name string, dims int) (e label.Encoder, err error) {
	err = s.write(ctx, "register an encoder in", func(tx *sql.Tx) error {
		if _, err := tx.Exec("INSERT INTO encoders (name, dims) VALUES (?, ?) ON CONFLICT DO NOTHING", name, dims); err != nil {
			return err
		}
		if e, err = encoder(ctx, tx, name); err == nil && e.Dims != dims {
			err = label.Errorf(label.ErrConflict, "register encoder %s: the project holds embeddings of %d dimensions of it, not %d",
				name, e.Dims, dims)
		}
		return err
	})
	return e, err
}

// Encoder finds an encoder by its name.
func (s *Store) Encoder(ctx context.Context, name string) (e label.Encoder, err error) {
	err = s.read(ctx, "read the encoders of", func(tx *sql.Tx) error {
		e, err = encoder(ctx, tx, name)
		if errors.Is(err, sql.ErrNoRows) {
			err = label.Errorf(label.ErrNotFound, "project %s has no embeddings by %s", s.dir, name)
		}
		return err
	})
	return e, err
}

func encoder(ctx context.Context, tx *sql.Tx, name string) (e label.Encoder, err error) {
	err = tx.QueryRowContext(ctx, "SELECT id, name, dims FROM encoders WHERE name = ?", name).Scan(&e.ID, &e.Name, &e.Dims)
	return e, err
}
