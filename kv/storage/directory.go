package storage

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/holdfastdb/holdfast/kv/env"
)

// makeDir creates dir with its missing parents, and makes their entries durable:
// otherwise a crash could lose the directory with all that was synced inside it.
func makeDir(files env.FS, dir string) error {
	var missing []string
	for p := dir; ; p = files.PathDir(p) {
		_, err := files.Stat(p)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look for directory %s: %w", p, err)
		}
		missing = append(missing, p)
		if files.PathDir(p) == p {
			break
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if err := files.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("create directory %s: %w", dir, err)
	}
	for _, p := range missing {
		if err := syncDir(files, files.PathDir(p)); err != nil {
			return err
		}
	}
	return nil
}

// syncDir makes the entries of a directory durable.
func syncDir(files env.FS, dir string) error {
	d, err := files.OpenDir(dir)
	if err != nil {
		return fmt.Errorf("open directory %s: %w", dir, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	return nil
}
