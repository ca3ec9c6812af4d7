package raft

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"time"
	"unsafe"

	"github.com/holdfastdb/holdfast/raft/confchange"
	"github.com/holdfastdb/holdfast/raft/quorum"
)

// forgotten lists the fields that are no part of a replica's state, by type and name,
// each with the reason. They are zero in every state that the explorer keeps. All
// other fields are copied and compared, those to come as well.
var forgotten = map[string]string{
	"Raft.in":            "holds the message being handled, between states there is none",
	"Raft.messages":      "is empty after Output",
	"Raft.fetches":       "is empty after Output",
	"Raft.spent":         "lends its arrays to the next Output, what is in them is not read",
	"Raft.checkpoint":    "belongs to CheckInvariants, and is taken anew before each step",
	"Raft.random":        "only chooses deadlines, and time stands still",
	"Raft.dropped":       "is a statistic",
	"Raft.snapshots":     "is empty after Output",
	"Raft.cancelled":     "is empty after Output",
	"Raft.resets":        "belongs to CheckInvariants, which compares it with the checkpoint only",
	"Raft.configChanged": "is false after Output",
	"readState.grants":   "is empty after Output",
	"readState.dropped":  "is empty after Output",
	"sleepState.calling": "is false after Output",
	"sleepState.count":   "belongs to CheckInvariants, which compares it with the checkpoint only",
	"leaderState.batch":  "lends its array to the next Propose",
}

// forgets tells whether a field is zero in every state. Time stands still at 0, so that
// each timer is always due and a Tick stands for its firing: points in time are
// all forgotten, the durations of Config are not.
func forgets(owner reflect.Type, f reflect.StructField) bool {
	if _, ok := forgotten[owner.Name()+"."+f.Name]; ok {
		return true
	}
	return f.Type == reflect.TypeFor[time.Duration]() && owner != reflect.TypeFor[Config]()
}

// renaming gives each replica a new id; 0 stays nobody.
type renaming []ReplicaID

func (n renaming) of(id ReplicaID) ReplicaID {
	if int(id) < len(n) {
		return n[id]
	}
	return id
}

// config renames the members of a configuration.
func (n renaming) config(c confchange.Config) confchange.Config {
	c.Members = slices.Clone(c.Members)
	for i := range c.Members {
		c.Members[i].ID = uint64(n.of(ReplicaID(c.Members[i].ID)))
	}
	slices.SortFunc(c.Members, func(a, b confchange.Member) int { return cmp.Compare(a.ID, b.ID) })
	return c
}

// encoded renames the members of an encoded configuration; what is none stays as it is.
func (n renaming) encoded(b []byte) []byte {
	c, err := confchange.Decode(b)
	if err != nil {
		return b
	}
	return n.config(c).Append(nil)
}

// entry renames the members of the configuration in an entry, if there is one.
func (n renaming) entry(e Entry) Entry {
	if e.Kind == EntryConfig {
		e.Data = n.encoded(e.Data)
	}
	return e
}

// message renames all in a message.
func (n renaming) message(m Message) Message {
	m.From, m.To = n.of(m.From), n.of(m.To)
	m.Entries = slices.Clone(m.Entries)
	for i := range m.Entries {
		m.Entries[i] = n.entry(m.Entries[i])
	}
	return m
}

// shape knows how values of one type are copied and written down. It works on
// memory, because the fields that count are private, some of another package.
type shape struct {
	t reflect.Type
	// encode appends the value as it is under a renaming: equal values, equal bytes.
	encode func(dst []byte, p unsafe.Pointer, n renaming) []byte
	// unshare gives the value memory of its own; nil if it has none to share.
	unshare func(p unsafe.Pointer)
	// forget zeroes the forgotten fields; nil if there are none.
	forget func(p unsafe.Pointer)
}

var shapes = map[reflect.Type]*shape{}

// shapeOf returns the shape of a type. All are made before a search begins.
func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes[t]; ok {
		return s
	}
	s := &shape{t: t}
	shapes[t] = s
	switch {
	case t == reflect.TypeFor[ReplicaID]():
		s.encode = func(dst []byte, p unsafe.Pointer, n renaming) []byte {
			return binary.AppendUvarint(dst, uint64(n.of(*(*ReplicaID)(p))))
		}
	case t == reflect.TypeFor[confchange.Config]():
		s.fields()
		s.encode = func(dst []byte, p unsafe.Pointer, n renaming) []byte {
			return n.config(*(*confchange.Config)(p)).Append(dst)
		}
	case t == reflect.TypeFor[Entry]():
		s.fields()
		s.encode = func(dst []byte, p unsafe.Pointer, n renaming) []byte {
			e := n.entry(*(*Entry)(p))
			return AppendEntry(dst, &e)
		}
	case t.Kind() == reflect.Struct && t.Name() == "inflights":
		s.fields()
		s.queue()
	case t.Kind() == reflect.Struct:
		s.fields()
	case t.Kind() == reflect.Slice:
		s.elements()
	case t.Kind() == reflect.Array:
		s.array()
	case t.Kind() == reflect.Pointer:
		s.pointee()
	case t.Kind() == reflect.String:
		s.encode = func(dst []byte, p unsafe.Pointer, _ renaming) []byte {
			text := *(*string)(p)
			return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
		}
	case t.Kind() >= reflect.Bool && t.Kind() <= reflect.Uint64:
		s.number()
	default:
		panic(fmt.Sprintf("the explorer does not know how to copy a %v: teach shapeOf", t))
	}
	return s
}

func (s *shape) number() {
	size := s.t.Size()
	s.encode = func(dst []byte, p unsafe.Pointer, _ renaming) []byte {
		var v uint64
		switch size {
		case 1:
			v = uint64(*(*uint8)(p))
		case 2:
			v = uint64(*(*uint16)(p))
		case 4:
			v = uint64(*(*uint32)(p))
		default:
			v = *(*uint64)(p)
		}
		return binary.AppendUvarint(dst, v)
	}
}

// array is like a struct of equal fields.
func (s *shape) array() {
	elem := shapeOf(s.t.Elem())
	if elem.unshare != nil {
		panic(fmt.Sprintf("the explorer does not know how to copy a %v: teach shapeOf", s.t))
	}
	size := s.t.Elem().Size()
	s.encode = func(dst []byte, p unsafe.Pointer, n renaming) []byte {
		for i := range s.t.Len() {
			dst = elem.encode(dst, unsafe.Add(p, uintptr(i)*size), n)
		}
		return dst
	}
	if elem.forget != nil {
		s.forget = func(p unsafe.Pointer) {
			for i := range s.t.Len() {
				elem.forget(unsafe.Add(p, uintptr(i)*size))
			}
		}
	}
}

// part is a field of a struct.
type part struct {
	at uintptr
	*shape
}

func (s *shape) fields() {
	var kept, shared, cleaned []part
	var zeroed []part
	for i := range s.t.NumField() {
		f := s.t.Field(i)
		if forgets(s.t, f) {
			zeroed = append(zeroed, part{f.Offset, &shape{t: f.Type}})
			continue
		}
		p := part{f.Offset, shapeOf(f.Type)}
		switch {
		case isIDs(s.t, f):
			// Package quorum knows replicas as numbers.
			p.shape = shapeOf(reflect.TypeFor[[]ReplicaID]())
		case isConfig(s.t, f):
			own := *p.shape
			p.shape = &own
			p.encode = func(dst []byte, p unsafe.Pointer, n renaming) []byte {
				b := n.encoded(*(*[]byte)(p))
				return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
			}
		}
		kept = append(kept, p)
		if p.unshare != nil {
			shared = append(shared, p)
		}
		if p.forget != nil {
			cleaned = append(cleaned, p)
		}
	}
	s.encode = func(dst []byte, p unsafe.Pointer, n renaming) []byte {
		for i := range kept {
			dst = kept[i].encode(dst, unsafe.Add(p, kept[i].at), n)
		}
		return dst
	}
	if len(shared) > 0 {
		s.unshare = func(p unsafe.Pointer) {
			for i := range shared {
				shared[i].unshare(unsafe.Add(p, shared[i].at))
			}
		}
	}
	if len(zeroed)+len(cleaned) > 0 {
		s.forget = func(p unsafe.Pointer) {
			for i := range zeroed {
				reflect.NewAt(zeroed[i].t, unsafe.Add(p, zeroed[i].at)).Elem().SetZero()
			}
			for i := range cleaned {
				cleaned[i].forget(unsafe.Add(p, cleaned[i].at))
			}
		}
	}
}

// sliceHeader is how a slice lies in memory.
type sliceHeader struct {
	data     unsafe.Pointer
	len, cap int
}

func (s *shape) elements() {
	elem, size := shapeOf(s.t.Elem()), s.t.Elem().Size()
	at := func(p unsafe.Pointer, i int) unsafe.Pointer {
		return unsafe.Add((*sliceHeader)(p).data, uintptr(i)*size)
	}
	s.encode = func(dst []byte, p unsafe.Pointer, n renaming) []byte {
		count := (*sliceHeader)(p).len
		dst = binary.AppendUvarint(dst, uint64(count))
		if isRanked(s.t) {
			return encodeRanked(dst, p, n, elem, at)
		}
		for i := range count {
			dst = elem.encode(dst, at(p, i), n)
		}
		return dst
	}
	s.unshare = func(p unsafe.Pointer) {
		old := reflect.NewAt(s.t, p).Elem()
		if old.Len() == 0 {
			old.SetZero()
			return
		}
		own := reflect.MakeSlice(s.t, old.Len(), old.Len())
		reflect.Copy(own, old)
		old.Set(own)
		for i := 0; i < own.Len() && elem.unshare != nil; i++ {
			elem.unshare(at(p, i))
		}
	}
	if elem.forget != nil {
		s.forget = func(p unsafe.Pointer) {
			for i := range (*sliceHeader)(p).len {
				elem.forget(at(p, i))
			}
		}
	}
}

// isRanked tells whether a slice is sorted by replica id, so that its order changes with the names.
func isRanked(t reflect.Type) bool {
	return t == reflect.TypeFor[[]peer]() || t == reflect.TypeFor[[]ReplicaID]()
}

func encodeRanked(
	dst []byte, p unsafe.Pointer, n renaming, elem *shape, at func(unsafe.Pointer, int) unsafe.Pointer,
) []byte {
	encoded := make([][]byte, (*sliceHeader)(p).len)
	for i := range encoded {
		// The id comes first in what is ranked.
		encoded[i] = elem.encode(nil, at(p, i), n)
	}
	slices.SortFunc(encoded, slices.Compare)
	return append(dst, slices.Concat(encoded...)...)
}

func (s *shape) pointee() {
	elem := shapeOf(s.t.Elem())
	s.encode = func(dst []byte, p unsafe.Pointer, n renaming) []byte {
		target := *(*unsafe.Pointer)(p)
		if target == nil {
			return append(dst, 0)
		}
		return elem.encode(append(dst, 1), target, n)
	}
	s.unshare = func(p unsafe.Pointer) {
		old := reflect.NewAt(s.t, p).Elem()
		if old.IsNil() {
			return
		}
		own := reflect.New(s.t.Elem())
		own.Elem().Set(old.Elem())
		old.Set(own)
		if elem.unshare != nil {
			elem.unshare(own.UnsafePointer())
		}
	}
	if elem.forget != nil {
		s.forget = func(p unsafe.Pointer) {
			if target := *(*unsafe.Pointer)(p); target != nil {
				elem.forget(target)
			}
		}
	}
}

// queue writes the ring of package progress down by what is in it, wherever that lies.
func (s *shape) queue() {
	s.encode = func(dst []byte, p unsafe.Pointer, _ renaming) []byte {
		v := reflect.NewAt(s.t, p).Elem()
		ring, start, count := v.FieldByName("ring"), v.FieldByName("start").Int(), v.FieldByName("count").Int()
		dst = binary.AppendUvarint(dst, uint64(count))
		for i := range count {
			flight := ring.Index(int(start+i) % ring.Len())
			for f := range flight.NumField() {
				dst = shapeOf(flight.Field(f).Type()).encode(dst, flight.Field(f).Addr().UnsafePointer(), nil)
			}
		}
		return binary.AppendUvarint(dst, uint64(v.FieldByName("bytes").Int()))
	}
	s.unshare = unshareRing(s.t)
}

// unshareRing copies the ring, also what lies outside of the queue: its length counts.
func unshareRing(t reflect.Type) func(unsafe.Pointer) {
	f, _ := t.FieldByName("ring")
	ring := shapeOf(f.Type)
	return func(p unsafe.Pointer) { ring.unshare(unsafe.Add(p, f.Offset)) }
}

// isIDs tells whether a field holds replicas' ids under another type.
func isIDs(owner reflect.Type, f reflect.StructField) bool {
	return owner == reflect.TypeFor[quorum.Config]() && f.Type == reflect.TypeFor[[]uint64]()
}

// isConfig tells whether a field holds an encoded configuration.
func isConfig(owner reflect.Type, f reflect.StructField) bool {
	return owner == reflect.TypeFor[configEntry]() && f.Name == "data" || owner == reflect.TypeFor[Mark]() && f.Name == "Config"
}

// copyOf returns a copy that shares nothing that is ever written to.
func copyOf[T any](v *T) *T {
	c := *v
	if s := shapeOf(reflect.TypeFor[T]()); s.unshare != nil {
		s.unshare(unsafe.Pointer(&c))
	}
	return &c
}

// forget zeroes what is no part of the state.
func forget[T any](v *T) {
	if s := shapeOf(reflect.TypeFor[T]()); s.forget != nil {
		s.forget(unsafe.Pointer(v))
	}
}

// encode writes a value down under a renaming of the replicas.
func encode[T any](v *T, n renaming) []byte {
	return shapeOf(reflect.TypeFor[T]()).encode(nil, unsafe.Pointer(v), n)
}
