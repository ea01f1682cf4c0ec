package process

// AppendPath appends to dst the absolute path of name, seen from the directory dir, without empty parts, "." and "..".
// dir is not looked at when name is absolute. The result has no slash at its end unless it is the root.
func AppendPath(dst []byte, dir, name []byte) []byte {
	start := len(dst)
	if len(name) == 0 || name[0] != '/' {
		dst = appendParts(dst, start, dir)
	}
	dst = appendParts(dst, start, name)
	if len(dst) == start {
		dst = append(dst, '/')
	}
	return dst
}

func appendParts(dst []byte, start int, path []byte) []byte {
	if plain(path) {
		return append(dst, path...)
	}
	for len(path) > 0 {
		n := 0
		for n < len(path) && path[n] != '/' {
			n++
		}
		part := path[:n]
		path = path[min(n+1, len(path)):]
		switch {
		case n == 0 || n == 1 && part[0] == '.':
		case n == 2 && part[0] == '.' && part[1] == '.':
			for len(dst) > start {
				dst = dst[:len(dst)-1]
				if c := dst[:len(dst)+1][len(dst)]; c == '/' {
					break
				}
			}
		default:
			dst = append(append(dst, '/'), part...)
		}
	}
	return dst
}

// plain tells whether an absolute path is already in its shortest form, as nearly all are. A part that begins with a
// dot may be "." or "..", so it is not plain.
func plain(path []byte) bool {
	if len(path) < 2 || path[0] != '/' || path[len(path)-1] == '/' {
		return false
	}
	for i := range len(path) - 1 {
		if path[i] == '/' && (path[i+1] == '/' || path[i+1] == '.') {
			return false
		}
	}
	return true
}
