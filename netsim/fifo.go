package netsim

// fifo is a queue that reuses its memory.
type fifo[T any] struct {
	items []T
	head  int
}

func (f *fifo[T]) len() int { return len(f.items) - f.head }

func (f *fifo[T]) put(v T) {
	if f.head > 32 && f.head > len(f.items)/2 {
		n := copy(f.items, f.items[f.head:])
		clear(f.items[n:])
		f.items, f.head = f.items[:n], 0
	}
	f.items = append(f.items, v)
}

// take removes the oldest item, which must be there.
func (f *fifo[T]) take() T {
	var zero T
	v := f.items[f.head]
	f.items[f.head] = zero
	f.head++
	if f.head == len(f.items) {
		f.items, f.head = f.items[:0], 0
	}
	return v
}

// all are the items from the oldest on.
func (f *fifo[T]) all() []T { return f.items[f.head:] }

func (f *fifo[T]) reset() {
	clear(f.items)
	f.items, f.head = f.items[:0], 0
}
