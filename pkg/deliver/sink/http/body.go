package http

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"github.com/saker-security/saker/pkg/alert"
)

// The types of bodies.
const (
	typeJSON  = "application/json"
	typeLines = "application/x-ndjson"
	typeText  = "text/plain"
)

// body gives the body of a request, not packed, and its type. The memory is new each time: a request may be read
// after its answer came.
func (s *Sink) body(batch []*alert.Alert) (body []byte, contentType string) {
	body = make([]byte, 0, s.size.Load()+512)
	defer func() { s.size.Store(int64(min(len(body), maxOutput))) }()
	switch {
	case s.settings.ArrayBody:
		return s.array(body, batch), typeJSON
	case len(batch) > 1:
		return s.lines(body, batch)
	}
	body, isJSON := s.render(body, batch[0])
	if isJSON {
		return body, typeJSON
	}
	return body, typeText
}

// array appends a JSON array of the alerts; those that are no JSON are strings in it.
func (s *Sink) array(dst []byte, batch []*alert.Alert) []byte {
	dst = append(dst, '[')
	for i, a := range batch {
		if i > 0 {
			dst = append(dst, ',')
		}
		start := len(dst)
		var isJSON bool
		if dst, isJSON = s.render(dst, a); !isJSON {
			quoted, _ := json.Marshal(string(dst[start:])) // no string fails
			dst = append(dst[:start], quoted...)
		}
	}
	return append(dst, ']')
}

// lines appends the alerts, each with a line break after it.
func (s *Sink) lines(dst []byte, batch []*alert.Alert) (body []byte, contentType string) {
	contentType = typeLines
	for _, a := range batch {
		start := len(dst)
		var isJSON bool
		if dst, isJSON = s.render(dst, a); !isJSON {
			contentType = typeText
			dst = bytes.TrimRight(dst, "\r\n")
		} else if s.template != nil {
			dst = onOneLine(dst, start)
		}
		dst = append(dst, '\n')
	}
	return dst, contentType
}

// onOneLine takes the line breaks out of the JSON text from start on.
func onOneLine(dst []byte, start int) []byte {
	var compact bytes.Buffer
	if json.Compact(&compact, dst[start:]) != nil {
		return dst
	}
	return append(dst[:start], compact.Bytes()...)
}

// render appends one alert by the template or, when there is none or it fails, as the other sinks write it.
func (s *Sink) render(dst []byte, a *alert.Alert) (out []byte, isJSON bool) {
	if s.template != nil {
		out, err := s.template.execute(dst, a, s.options.ISO8601)
		if err == nil {
			return out, json.Valid(out[len(dst):])
		}
		if s.fallbacks.Add(1) == 1 {
			s.options.warn(fmt.Errorf("the template failed and the alert was sent without it; if that happens again it is only counted: %w", err))
		}
	}
	return s.options.Render(dst, a), s.options.JSON
}

// idempotencyKey gives the key by which a server can recognise what it got before: empty when an alert has no ID.
func idempotencyKey(batch []*alert.Alert) string {
	if len(batch) == 1 && isPlain(batch[0].ID) {
		return batch[0].ID
	}
	hash := sha256.New()
	var length [8]byte
	for _, a := range batch {
		if a.ID == "" {
			return ""
		}
		binary.LittleEndian.PutUint64(length[:], uint64(len(a.ID)))
		hash.Write(length[:])
		hash.Write([]byte(a.ID))
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}

// isPlain tells that an ID has only letters and digits, as all that the program makes; it comes from the disk.
func isPlain(id string) bool {
	const plain = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	return id != "" && len(id) <= 64 && strings.Trim(id, plain) == ""
}

// packers are gzip writers, which are costly to make.
var packers = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// pack gives the body packed with gzip.
func pack(body []byte) []byte {
	var packed bytes.Buffer
	w := packers.Get().(*gzip.Writer)
	defer packers.Put(w)
	w.Reset(&packed)
	_, _ = w.Write(body) // a buffer takes everything
	_ = w.Close()
	return packed.Bytes()
}
