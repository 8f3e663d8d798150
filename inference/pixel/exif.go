package pixel

import "encoding/binary"

// orientation reads the tag Orientation (0x0112) of the first directory of a TIFF block, as EXIF 2.3 has it: 1 to 8; 0
// where there is none or the block is damaged.
func orientation(tiff []byte) int {
	if len(tiff) < 8 {
		return 0
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch string(tiff[:4]) {
	case "II*\x00":
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 0
	}
	at := int64(order.Uint32(tiff[4:]))
	if at > int64(len(tiff))-2 {
		return 0
	}
	entries := tiff[at+2:]
	for n := int(order.Uint16(tiff[at:])); n > 0 && len(entries) >= 12; n-- {
		// tag, type (3: 16 bit), count, value
		if order.Uint16(entries) == 0x0112 && order.Uint16(entries[2:]) == 3 {
			if o := int(order.Uint16(entries[8:])); o >= 1 && o <= 8 {
				return o
			}
			return 0
		}
		entries = entries[12:]
	}
	return 0
}

// turned gives the picture upright. The new pixel (x, y) is taken from the old one at (ax+bx*x+cx*y, ay+by*x+cy*y).
func (p *Picture) turned(orientation int) *Picture {
	w, h := p.Width-1, p.Height-1
	var ax, bx, cx, ay, by, cy int
	switch orientation {
	case 2: // mirrored
		ax, bx, cy = w, -1, 1
	case 3: // half a turn
		ax, bx, ay, cy = w, -1, h, -1
	case 4: // upside down, mirrored
		bx, ay, cy = 1, h, -1
	case 5: // transposed
		cx, by = 1, 1
	case 6: // to be turned clockwise
		cx, ay, by = 1, h, -1
	case 7: // transposed along the other diagonal
		ax, cx, ay, by = w, -1, h, -1
	case 8: // to be turned anticlockwise
		ax, cx, by = w, -1, 1
	default:
		return p
	}
	out := NewPicture(p.Width, p.Height)
	if orientation >= 5 {
		out.Width, out.Height = p.Height, p.Width
	}
	i := 0
	for y := range out.Height {
		for x := range out.Width {
			from := ((ay+by*x+cy*y)*p.Width + ax + bx*x + cx*y) * 3
			copy(out.Pix[i:i+3], p.Pix[from:from+3])
			i += 3
		}
	}
	return out
}
