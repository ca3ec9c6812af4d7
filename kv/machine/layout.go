package machine

import (
	"encoding/binary"
	"fmt"

	"github.com/holdfastdb/holdfast/raft"
)

// formatVersion is the value of the format key. A store with another one is refused.
const formatVersion = 1

// The byte after the group in each engine key. Never give a number a new meaning. The kinds
// of an image are below imageEnd; in image 1 they carry imageBit.
const (
	kindFormat  byte = 0x00
	kindMeta    byte = 0x01
	kindSession byte = 0x02
	kindSaved   byte = 0x03
	kindData    byte = 0x10
	imageEnd    byte = 0x40

	// Of the group, outside both images.
	kindLive  byte = 0x70
	kindStage byte = 0x71

	imageBit byte = 0x80
)

// prefixLen is the length of what an engine key has before its kind: the group.
const prefixLen = 8

// layout builds the engine keys of one image of a group.
type layout struct {
	group raft.GroupID
	// image is 0 or imageBit.
	image byte
}

func (l layout) key(dst []byte, kind byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(l.group))
	return append(dst, kind|l.image)
}

// other is the layout of the group's other image.
func (l layout) other() layout { return layout{l.group, l.image ^ imageBit} }

// bounds are the bounds [lo, hi) of the image.
func (l layout) bounds() (lo, hi []byte) { return l.key(nil, 0), l.key(nil, imageEnd) }

// own returns the key of a record of the group, which belongs to no image.
func (l layout) own(kind byte) []byte { return layout{group: l.group}.key(nil, kind) }

func (l layout) session(dst []byte, id uint64) []byte {
	return binary.BigEndian.AppendUint64(l.key(dst, kindSession), id)
}

func (l layout) saved(dst []byte, id, seq uint64) []byte {
	dst = binary.BigEndian.AppendUint64(l.key(dst, kindSaved), id)
	return binary.BigEndian.AppendUint64(dst, seq)
}

func (l layout) data(dst, key []byte) []byte {
	return append(l.key(dst, kindData), key...)
}

// Span returns the bounds [lo, hi) of everything a group keeps in an engine,
// for destroying a replica.
func Span(group raft.GroupID) (lo, hi []byte) {
	lo = binary.BigEndian.AppendUint64(nil, uint64(group))
	hi = binary.BigEndian.AppendUint64(nil, uint64(group)+1)
	return lo, hi
}

// meta is the machine's position, kept in one engine record that is written
// in the batch of the writes it describes (MACH-2).
type meta struct {
	index, term uint64
	hash        uint64
	logTime     int64
}

func (m *meta) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, m.index)
	dst = binary.BigEndian.AppendUint64(dst, m.term)
	dst = binary.BigEndian.AppendUint64(dst, m.hash)
	return binary.BigEndian.AppendUint64(dst, uint64(m.logTime))
}

func decodeMeta(b []byte) (meta, error) {
	r := cursor{b: b}
	m := meta{index: r.uint64(), term: r.uint64(), hash: r.uint64(), logTime: int64(r.uint64())}
	if r.bad {
		return meta{}, errTruncated
	}
	if len(r.b) != 0 {
		return meta{}, errTrailing
	}
	return m, nil
}

// decodeValue splits a data record into the key's version and its value, which
// shares memory with the record.
func decodeValue(record []byte) (version uint64, value []byte, err error) {
	version, n := binary.Uvarint(record)
	if n <= 0 || version == 0 {
		return 0, nil, fmt.Errorf("the record of %d bytes does not start with a version", len(record))
	}
	return version, record[n:], nil
}
