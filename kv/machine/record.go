package machine

import (
	"encoding/binary"
	"fmt"
)

// record is one pair of an image, its key without the group and the image's bit.
type record struct {
	kind  byte
	rest  []byte // of the key, after the kind
	value []byte
}

// checkFormat says why the data of an image cannot be used by this build.
func checkFormat(value []byte) error {
	v, n := binary.Uvarint(value)
	if n <= 0 || n != len(value) {
		return damagef("the record of the format version is damaged: % x", value)
	}
	if v != formatVersion {
		return fmt.Errorf("the data has format version %d, this build knows %d: use the build that wrote it", v, formatVersion)
	}
	return nil
}

// check says what is wrong with a record of a state at index, as far as
// the record alone tells.
func (r *record) check(index uint64) error {
	switch r.kind {
	case kindFormat:
		if err := r.wantKey(0); err != nil {
			return err
		}
		return checkFormat(r.value)
	case kindMeta:
		if err := r.wantKey(0); err != nil {
			return err
		}
		if _, err := decodeMeta(r.value); err != nil {
			return fmt.Errorf("the applied index's record is damaged: %w", err)
		}
		return nil
	case kindSession:
		return r.checkSession(index)
	case kindSaved:
		return r.checkSaved(index)
	case kindData:
		return r.checkData(index)
	}
	return fmt.Errorf("a key has kind %#02x, which no machine writes", r.kind)
}

func (r *record) wantKey(n int) error {
	if len(r.rest) != n {
		return fmt.Errorf("a key of kind %#02x has %d more bytes, it must have %d", r.kind, len(r.rest), n)
	}
	return nil
}

func (r *record) checkSession(index uint64) error {
	if err := r.wantKey(8); err != nil {
		return err
	}
	id := binary.BigEndian.Uint64(r.rest)
	s, err := decodeSession(id, r.value)
	if err != nil {
		return fmt.Errorf("the record of session %d is damaged: %w", id, err)
	}
	if id > index || s.lastIndex > index || s.lastIndex < id {
		return fmt.Errorf("session %d was last heard of at entry %d, which cannot be in a state at entry %d", id, s.lastIndex, index)
	}
	for i := range s.saved {
		if r := &s.saved[i]; r.index > index || r.index <= id || r.seq <= s.floor || i > 0 && r.seq <= s.saved[i-1].seq {
			return fmt.Errorf("session %d has a saved result of request %d at entry %d, which cannot be", id, r.seq, r.index)
		}
	}
	return nil
}

func (r *record) checkSaved(index uint64) error {
	if err := r.wantKey(16); err != nil {
		return err
	}
	id, seq := binary.BigEndian.Uint64(r.rest), binary.BigEndian.Uint64(r.rest[8:])
	if id > index {
		return fmt.Errorf("there is a saved result of session %d in a state at entry %d", id, index)
	}
	if err := decodeSaved(&Result{}, r.value); err != nil {
		return fmt.Errorf("the saved result of request %d of session %d is damaged: %w", seq, id, err)
	}
	return nil
}

func (r *record) checkData(index uint64) error {
	if len(r.rest) == 0 {
		return errKeyEmpty
	}
	version, _, err := decodeValue(r.value)
	if err != nil {
		return fmt.Errorf("key %q is damaged: %w", r.rest, err)
	}
	if version > index {
		return fmt.Errorf("key %q has version %d, which cannot be in a state at entry %d", r.rest, version, index)
	}
	return nil
}
