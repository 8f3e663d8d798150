package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

// Check reads the whole project and tells what is wrong with it: damage to the file, rows that point nowhere, and items
// whose state or labels are not what the annotations say. It gives none for a sound project.
func (s *Store) Check(ctx context.Context) ([]string, error) {
	var faults []string
	err := s.read(ctx, "check", func(tx *sql.Tx) error {
		err := each(ctx, tx, func(rows *sql.Rows) error {
			var text string
			err := rows.Scan(&text)
			if text != "ok" {
				faults = append(faults, text)
			}
			return err
		}, "PRAGMA integrity_check")
		if err != nil {
			return err
		}
		err = each(ctx, tx, func(rows *sql.Rows) error {
			var table, parent string
			var row sql.NullInt64
			var key int
			err := rows.Scan(&table, &row, &parent, &key)
			faults = append(faults, fmt.Sprintf("row %d of %s points to a row of %s that isn't there", row.Int64, table, parent))
			return err
		}, "PRAGMA foreign_key_check")
		if err != nil {
			return err
		}
		return each(ctx, tx, func(rows *sql.Rows) error {
			var item int64
			var fault string
			err := rows.Scan(&item, &fault)
			faults = append(faults, fmt.Sprintf("item %d: %s", item, fault))
			return err
		}, unsettled)
	})
	return faults, err
}

// unsettled finds items that are not as their annotations say.
var unsettled = `
	SELECT i.id, 'its state is not what its annotations say'
	FROM items i LEFT JOIN item_states s ON s.item_id = i.id
	WHERE i.state <> coalesce(s.state, '') OR i.annotation_id IS NOT s.annotation_id
	UNION ALL
	SELECT item_id, 'its labels are not what its annotations say' FROM (
		SELECT * FROM item_labels EXCEPT SELECT * FROM item_label_states
		UNION ALL
		SELECT * FROM (SELECT * FROM item_label_states EXCEPT SELECT * FROM item_labels))
	UNION ALL
	SELECT item_id, 'whether people agree on it is not what their annotations say' FROM (
		SELECT * FROM disputes EXCEPT SELECT * FROM (` + disputed("") + `)
		UNION ALL
		SELECT * FROM (SELECT * FROM (` + disputed("") + `) EXCEPT SELECT * FROM disputes))`
