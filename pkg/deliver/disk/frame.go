package disk

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// FrameHeader is the length in bytes of what stands before the payload of a frame: the length of the payload and the
// CRC-32C of length and payload, both as 32 bits in little-endian order.
const FrameHeader = 8

// MaxPayload is the greatest length of a payload in bytes.
const MaxPayload = 16 << 20

// The errors of NextFrame.
var (
	// ErrCut: the bytes end before the frame does.
	ErrCut = errors.New("the frame is cut off")
	// ErrDamaged: the length is impossible or the checksum differs.
	ErrDamaged = errors.New("the frame is damaged")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// AppendFrame appends the payload, at most MaxPayload bytes, as a frame.
func AppendFrame(dst, payload []byte) []byte {
	var head [FrameHeader]byte
	binary.LittleEndian.PutUint32(head[:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(head[4:], checksum(head[:4], payload))
	return append(append(dst, head[:]...), payload...)
}

// NextFrame reads the frame at the front of b: its payload, a view into b, and its length with the header. Bytes that
// are all zero, as in a file that was made longer before it was written, are a damaged frame.
func NextFrame(b []byte) (payload []byte, length int, err error) {
	if len(b) < FrameHeader {
		return nil, 0, ErrCut
	}
	n := binary.LittleEndian.Uint32(b)
	if n > MaxPayload {
		return nil, 0, ErrDamaged
	}
	if uint64(len(b)) < FrameHeader+uint64(n) {
		return nil, 0, ErrCut
	}
	length = FrameHeader + int(n)
	payload = b[FrameHeader:length]
	if binary.LittleEndian.Uint32(b[4:]) != checksum(b[:4], payload) {
		return nil, 0, ErrDamaged
	}
	return payload, length, nil
}

// checksum is inverted, so that zeros are not the frame of an empty payload.
func checksum(length, payload []byte) uint32 {
	return ^crc32.Update(crc32.Update(0, castagnoli, length), castagnoli, payload)
}
