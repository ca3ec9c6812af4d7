package machine

import (
	"encoding/binary"
	"fmt"

	"github.com/holdfastdb/holdfast/raft"
)

// liveVersion is the format version of the live record.
const liveVersion = 1

// live says which image of a group counts, whose it is, and whether it came from a
// snapshot. One engine record (kindLive).
type live struct {
	owner raft.ReplicaID
	// image is 0 or imageBit.
	image byte
	// installed is the zero Mark if no snapshot was installed.
	installed raft.Mark
}

func (l *live) append(dst []byte) []byte {
	dst = append(dst, liveVersion)
	dst = binary.AppendUvarint(dst, uint64(l.owner))
	dst = append(dst, l.image)
	dst = binary.AppendUvarint(dst, l.installed.Index)
	dst = binary.AppendUvarint(dst, l.installed.Term)
	return appendBytes(dst, l.installed.Config)
}

func decodeLive(b []byte) (live, error) {
	r := cursor{b: b}
	if v := r.byte(); !r.bad && v != liveVersion {
		return live{}, errVersion
	}
	l := live{owner: raft.ReplicaID(r.uvarint()), image: r.byte()}
	l.installed = raft.Mark{Index: r.uvarint(), Term: r.uvarint()}
	if config := r.bytes(); len(config) > 0 {
		l.installed.Config = config
	}
	switch {
	case r.bad:
		return live{}, errTruncated
	case len(r.b) != 0:
		return live{}, errTrailing
	case l.image&^imageBit != 0:
		return live{}, fmt.Errorf("there is no image %#02x", l.image)
	}
	return l, nil
}

// openLive finds the image that counts. Nothing is left of another owner's state; a state
// without a live record, from before there were images, becomes this owner's.
func (m *Machine) openLive() error {
	record, found, err := m.engine.Get(m.keys.own(kindLive))
	if err != nil {
		return fmt.Errorf("read whose the state is: %w", err)
	}
	b := m.engine.NewBatch()
	if found {
		is, err := decodeLive(record)
		if err != nil {
			return damagef("the record of whose the state is cannot be used: %w", err)
		}
		if is.owner == m.owner {
			m.keys.image, m.installed = is.image, is.installed
			return nil
		}
		b.DeleteRange(Span(m.keys.group))
	} else if err := m.checkUnowned(); err != nil {
		return err
	}
	b.Set(m.keys.own(kindLive), (&live{owner: m.owner}).append(nil))
	if err := m.engine.Apply(b); err != nil {
		return fmt.Errorf("record whose the state is: %w", err)
	}
	return nil
}

// checkUnowned refuses a group that has more than image 0 but no live record: nothing
// writes that.
func (m *Machine) checkUnowned() error {
	_, hi := Span(m.keys.group)
	stray := false
	err := m.engine.Scan(m.keys.own(imageEnd), hi, func(_, _ []byte) bool {
		stray = true
		return false
	})
	if err != nil {
		return fmt.Errorf("look for stray records: %w", err)
	}
	if stray {
		return damagef("the record of whose the state is is gone; " +
			"remove this replica's data and let it be rebuilt from its group")
	}
	return nil
}
