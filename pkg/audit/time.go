package audit

import "time"

// parseTime reads an RFC 3339 time with any number of fraction digits, of which nine count, into nanoseconds since
// 1970. Times that do not fit, before 1678 or after 2261, are refused.
func parseTime(text string) (int64, bool) {
	const layout = "2006-01-02T15:04:05"
	if len(text) < len(layout)+1 ||
		text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':' {
		return 0, false
	}
	ok := true
	two := func(i int) int64 {
		a, b := text[i]-'0', text[i+1]-'0'
		ok = ok && a <= 9 && b <= 9
		return int64(a)*10 + int64(b)
	}
	year, month, day := two(0)*100+two(2), two(5), two(8)
	hour, minute, second := two(11), two(14), two(17)
	nanos, rest := fraction(text[len(layout):])
	offset, zoned := zone(rest)
	ok = ok && zoned && year >= 1678 && year <= 2261 && month >= 1 && month <= 12 &&
		day >= 1 && day <= daysIn(year, month) && hour <= 23 && minute <= 59 && second <= 59
	if !ok {
		return 0, false
	}
	seconds := days(year, month, day)*86400 + hour*3600 + minute*60 + second - offset
	return seconds*int64(time.Second) + nanos, true
}

// fraction reads the digits after a point, if there is one, as nanoseconds, and returns the rest of the text. A point
// without digits is left in the rest, where it is no zone.
func fraction(text string) (nanos int64, rest string) {
	if text[0] != '.' {
		return 0, text
	}
	scale := int64(time.Second)
	i := 1
	for ; i < len(text) && text[i]-'0' <= 9; i++ {
		scale /= 10
		nanos += int64(text[i]-'0') * scale
	}
	if i == 1 {
		return 0, text
	}
	return nanos, text[i:]
}

// zone reads Z or an offset such as +02:00 and returns how many seconds the local time is ahead.
func zone(text string) (int64, bool) {
	if text == "Z" {
		return 0, true
	}
	if len(text) != 6 || text[3] != ':' || text[0] != '+' && text[0] != '-' {
		return 0, false
	}
	var n [4]int64
	for k, i := range [4]int{1, 2, 4, 5} {
		d := text[i] - '0'
		if d > 9 {
			return 0, false
		}
		n[k] = int64(d)
	}
	hours, minutes := n[0]*10+n[1], n[2]*10+n[3]
	if hours > 24 || minutes > 60 {
		return 0, false
	}
	seconds := hours*3600 + minutes*60
	if text[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// days counts the days from 1970-01-01 to a date, with years that start in March, so that the leap day is the last.
func days(year, month, day int64) int64 {
	month -= 2
	if month <= 0 {
		month += 12
		year--
	}
	return year/4 - year/100 + year/400 + 367*month/12 + day + year*365 - 719499
}

func daysIn(year, month int64) int64 {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}
