package datadir

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfastdb/holdfast/kv/env"
)

// Reasons why a file of this package cannot be used; errors wrap one of them.
var (
	// ErrDamaged: the content does not match its checksum or makes no sense.
	ErrDamaged = errors.New("the file is damaged")
	// ErrNewerFormat: a newer version of Holdfast wrote it.
	ErrNewerFormat = errors.New("the file has a newer format")
)

// formatVersion is the version of the files this program writes, and the newest it reads.
const formatVersion = 1

// tmpSuffix marks a file that was being written when a crash came.
const tmpSuffix = ".tmp"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(data []byte) uint32 { return crc32.Checksum(data, castagnoli) }

// seal makes the content of a file: a head with the version, lines, and the checksum of all
// of that. It is text, so that a person can read it.
func seal(name string, lines []string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "holdfast %s %d\n", name, formatVersion)
	for _, line := range lines {
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return fmt.Appendf([]byte(b.String()), "crc32c %08x\n", checksum([]byte(b.String())))
}

// unseal checks a content and returns its lines.
func unseal(name string, data []byte) ([]string, error) {
	text, complete := strings.CutSuffix(string(data), "\n")
	lines := strings.Split(text, "\n")
	version, ok := strings.CutPrefix(lines[0], "holdfast "+name+" ")
	number, err := strconv.ParseUint(version, 10, 31)
	if !complete || !ok || err != nil || len(lines) < 2 {
		return nil, fmt.Errorf("%w: it is not a %s file", ErrDamaged, name)
	}
	last := lines[len(lines)-1]
	body := data[:len(data)-len(last)-1]
	if want := fmt.Sprintf("crc32c %08x", checksum(body)); last != want {
		return nil, fmt.Errorf("%w: its last line is %.40q and should be %q", ErrDamaged, last, want)
	}
	if number > formatVersion {
		return nil, fmt.Errorf("%w: version %d, this program knows up to %d", ErrNewerFormat, number, formatVersion)
	}
	return lines[1 : len(lines)-1], nil
}

// ReadFile returns the content of a file.
func ReadFile(fs env.FS, path string) ([]byte, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(f)
	return data, errors.Join(err, f.Close())
}

// Replace gives a file of dir a new content, atomically and durably (DDIR-6).
func Replace(fs env.FS, dir, name string, data []byte) error {
	path := fs.PathJoin(dir, name)
	tmp := path + tmpSuffix
	if err := writeSynced(fs, tmp, data); err != nil {
		return err
	}
	if err := fs.Rename(tmp, path); err != nil {
		return err
	}
	return SyncDir(fs, dir)
}

// SyncDir makes the entries of a directory durable.
func SyncDir(fs env.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func writeSynced(fs env.FS, path string, data []byte) error {
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}
