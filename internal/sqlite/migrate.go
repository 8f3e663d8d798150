package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/labelloop/labelloop/internal/label"
)

// Migration number n, in the order of the files' names, makes schema n out of schema n-1.
//
//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks the file as a project ("Llp1"); SQLite keeps it in the header.
const applicationID = 0x4c6c7031

// version gives the schema of the file; 0 for one that holds nothing.
func (s *Store) version(ctx context.Context) (int, error) {
	var version, application, tables int
	_, err := patiently(ctx, func() (int, error) {
		return 0, s.writer.QueryRowContext(ctx, "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_schema) "+
			"FROM pragma_user_version, pragma_application_id").Scan(&version, &application, &tables)
	})
	if err == nil && application != applicationID && tables > 0 {
		return 0, label.Errorf(label.ErrConflict, "%s in %s is a database of another program; name another folder", File, s.dir)
	}
	return version, s.explain("open", err)
}

// migrate brings the file to the newest schema in one transaction; whoever makes a new project fills it in the same one.
func (s *Store) migrate(ctx context.Context, version int, fill func(*sql.Tx) error) error {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	if version > len(files) {
		return fmt.Errorf("project %s was made by a newer labelloop: its schema is %d, this program knows up to %d; use the newer one",
			s.dir, version, len(files))
	}
	if version == len(files) {
		return nil
	}
	return s.write(ctx, "migrate", func(tx *sql.Tx) error {
		var present int // another process may have come first
		if err := tx.QueryRow("PRAGMA user_version").Scan(&present); err != nil {
			return err
		}
		if present != version {
			return label.Errorf(label.ErrConflict, "project %s was changed by another process just now; run this again", s.dir)
		}
		for _, file := range files[version:] {
			text, err := migrations.ReadFile(file)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(string(text)); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
		if fill != nil {
			if err := fill(tx); err != nil {
				return err
			}
		}
		_, err := tx.Exec(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, len(files)))
		return err
	})
}
