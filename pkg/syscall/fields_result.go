package syscall

import (
	"strconv"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/syscall/table"
)

func resultFields() []field.Field {
	one := func(r *Record, v *event.Value) bool {
		v.Num = 1
		return true
	}
	return []field.Field{
		{Name: "evt.res", Type: event.TypeString, Applies: applies(returning), Help: "SUCCESS, or the name of the error that the call returned.",
			Extract: onResult(func(r *Record, res int64, v *event.Value) bool {
				v.Text = r.resultName(res)
				return true
			})},
		{Name: "evt.rawres", Type: event.TypeInt64, Applies: applies(returning), Help: "What the call returned, negative for an error.",
			Extract: onResult(func(_ *Record, res int64, v *event.Value) bool {
				v.SetInt(res)
				return true
			})},
		{Name: "evt.failed", Type: event.TypeBool, Applies: applies(returning), Help: "Whether the call failed.",
			Extract: onResult(func(_ *Record, res int64, v *event.Value) bool {
				v.SetBool(res < 0)
				return true
			})},
		{Name: "evt.count", Type: event.TypeUint32, Help: "Always 1, for adding up.", Extract: extract(one)},
		{Name: "evt.count.exit", Type: event.TypeUint32, Help: "1 for calls that returned; none for other events.",
			Extract: extract(func(r *Record, v *event.Value) bool { return r.Row.ID%2 == 1 && one(r, v) })},
		{Name: "evt.count.error", Type: event.TypeUint32, Help: "1 for calls that failed, else 0.", Extract: errorCount(func(*Record) bool { return true })},
		{Name: "evt.count.error.file", Type: event.TypeUint32, Help: "1 for calls on files that failed, 0 for those that did not.", Extract: errorCount(onFile)},
		{Name: "evt.count.error.net", Type: event.TypeUint32, Help: "1 for calls on sockets that failed, 0 for those that did not.", Extract: errorCount(onSocket)},
		{Name: "evt.count.error.memory", Type: event.TypeUint32, Help: "1 for memory calls that failed, 0 for those that did not.", Extract: errorCount(onMemory)},
		{Name: "evt.count.error.other", Type: event.TypeUint32, Help: "1 for all other calls that failed, 0 for those that did not.",
			Extract: errorCount(func(r *Record) bool { return !onFile(r) && !onSocket(r) && !onMemory(r) })},
		{Name: "evt.buffer", Type: event.TypeBytes, Applies: applies(buffering), Help: "Data that was read or written, as far as it was captured.",
			Extract: extract(func(r *Record, v *event.Value) bool {
				i := dataParam(r.Row)
				if i < 0 || len(r.Wire.Param(i)) == 0 {
					return false
				}
				v.Text = view(r.Wire.Param(i))
				return true
			})},
		{Name: "evt.buflen", Type: event.TypeUint64, Applies: applies(having(table.ReadsFD | table.WritesFD)), Help: "How many bytes were read or written.",
			Extract: onResult(func(r *Record, res int64, v *event.Value) bool {
				v.SetInt(res)
				return res >= 0 && r.FD != nil && r.Row.Has(table.ReadsFD|table.WritesFD)
			})},
	}
}

// dataParam finds the parameter with the data that was read or written, -1 for other events.
func dataParam(row *table.Event) int {
	i := row.Index("data")
	if i >= 0 && row.Params[i].Type != event.TypeBytes {
		return -1
	}
	return i
}

// onResult makes an extractor that has no value for events that are no calls.
func onResult(get func(r *Record, res int64, v *event.Value) bool) field.Extractor {
	return extract(func(r *Record, v *event.Value) bool {
		res, ok := r.result()
		return ok && get(r, res, v)
	})
}

// resultName gives the text of evt.res.
func (r *Record) resultName(res int64) string {
	if res >= 0 {
		return "SUCCESS"
	}
	if name := table.ErrnoName(-res); name != "" {
		return name
	}
	start := len(r.text)
	r.text = strconv.AppendInt(r.text, res, 10)
	return r.built(start)
}

// errorCount makes an extractor that has no value for events of another sort.
func errorCount(sort func(r *Record) bool) field.Extractor {
	return extract(func(r *Record, v *event.Value) bool {
		if !sort(r) {
			return false
		}
		res, ok := r.result()
		v.SetBool(ok && res < 0)
		return true
	})
}

func onFile(r *Record) bool {
	return r.FD != nil && r.FD.IsFile() || r.Row.OpensFile() || r.Row.ID == openByHandle
}
func onSocket(r *Record) bool { return r.FD != nil && r.FD.IsSocket() }
func onMemory(r *Record) bool { return r.Row.Category == table.Memory }
