package canon

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// Goal: CANON-1 and CANON-2. Method: an input that is read to its end, cut everywhere, and numbers of each wrong form.
func TestReaderTakesOneFormOnly(t *testing.T) {
	whole := []byte{7, 0x80, 0x01, 2, 'a', 'b'}
	read := func(b []byte) (number uint64, text string, err error) {
		r := NewReader(b)
		r.Byte()
		number, text = r.Number(128), r.Text(2)
		return number, text, r.Done()
	}
	number, text, err := read(whole)
	require.NoError(t, err)
	require.EqualValues(t, 128, number)
	require.Equal(t, "ab", text)
	for k := range whole {
		_, _, err := read(whole[:k])
		require.ErrorIs(t, err, ErrShort, "cut at %d", k)
	}
	for want, b := range map[error][]byte{
		ErrTrailing: append(whole[:len(whole):len(whole)], 0),
		ErrNumber:   {7, 0x81, 0},
		ErrTooLarge: {7, 0x81, 0x01, 0},
	} {
		_, _, err := read(b)
		require.ErrorIs(t, err, want)
	}
	r := NewReader(whole)
	first := errors.New("first")
	r.Fail(first)
	r.Fail(errors.New("second"))
	require.Zero(t, r.Byte())
	require.Zero(t, r.Number(9))
	require.Equal(t, first, r.Err())
	require.Equal(t, first, r.Done())
}
