package week

import (
	"reflect"
	"strings"
	"unsafe"
)

// outside are the packages whose objects are not a node's memory: the simulated world that it runs in,
// its disk included, and what generated code keeps for all messages together.
var outside = []string{"/netsim/", "/testsuite/", "/checker/", "google.golang.org/protobuf/"}

// Footprint is how many bytes can be reached from a value, of all but the types of packages outside.
// Of slices the whole capacity counts. What a function has captured is not seen.
func Footprint(v any) uint64 {
	w := &walker{seen: make(map[seenKey]bool)}
	w.walk(reflect.ValueOf(v))
	return w.bytes
}

type walker struct {
	seen  map[seenKey]bool
	bytes uint64
}

// seenKey is an object; one address may be that of a struct and of its first field.
type seenKey struct {
	at  unsafe.Pointer
	typ reflect.Type
}

// enter counts an object once.
func (w *walker) enter(at unsafe.Pointer, t reflect.Type, size uintptr) bool {
	k := seenKey{at, t}
	if at == nil || w.seen[k] {
		return false
	}
	w.seen[k] = true
	w.bytes += uint64(size)
	return true
}

func isOutside(t reflect.Type) bool {
	for _, part := range outside {
		if strings.Contains(t.PkgPath()+"/", part) {
			return true
		}
	}
	return false
}

// walk counts what v points to; v itself is part of what holds it.
func (w *walker) walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if t := v.Type().Elem(); !v.IsNil() && !isOutside(t) && w.enter(v.UnsafePointer(), t, t.Size()) {
			w.walk(v.Elem())
		}
	case reflect.Interface:
		if e := v.Elem(); e.IsValid() && !isOutside(e.Type()) {
			if e.Kind() != reflect.Pointer {
				w.bytes += uint64(e.Type().Size())
			}
			w.walk(e)
		}
	case reflect.Struct:
		if isOutside(v.Type()) {
			return
		}
		for i := range v.NumField() {
			w.walk(v.Field(i))
		}
	case reflect.Array:
		w.elements(v)
	case reflect.Slice:
		if w.enter(v.UnsafePointer(), v.Type(), uintptr(v.Cap())*v.Type().Elem().Size()) {
			w.elements(v)
		}
	case reflect.String:
		if s := v.String(); s != "" {
			w.enter(unsafe.Pointer(unsafe.StringData(s)), v.Type(), uintptr(len(s)))
		}
	case reflect.Map:
		w.table(v)
	}
}

func (w *walker) elements(v reflect.Value) {
	if plain(v.Type().Elem()) {
		return
	}
	for i := range v.Len() {
		w.walk(v.Index(i))
	}
}

// table counts a map by its entries; its spare room is not seen.
func (w *walker) table(v reflect.Value) {
	t := v.Type()
	if v.IsNil() || !w.enter(v.UnsafePointer(), t, uintptr(v.Len())*(t.Key().Size()+t.Elem().Size()+1)) {
		return
	}
	for it := v.MapRange(); it.Next(); {
		w.walk(it.Key())
		w.walk(it.Value())
	}
}

// plain tells that values of the type point to nothing.
func plain(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Struct, reflect.Array, reflect.Slice, reflect.String, reflect.Map:
		return false
	}
	return true
}
