"""A line of quality against CPU seconds, as an SVG for docs/pictures."""

from __future__ import annotations

from collections.abc import Sequence

WIDTH, HEIGHT, LEFT, BOTTOM, MARGIN = 640, 320, 52, 44, 16


def drawn(rows: Sequence[Sequence[float]]) -> str:
    """`rows`: iteration, CPU seconds, PSNR, SSIM, Gaussians."""
    most = max(row[1] for row in rows)
    low, high = int(min(row[2] for row in rows)), int(max(row[2] for row in rows)) + 1

    def place(cpu_s: float, psnr: float) -> tuple[float, float]:
        x = LEFT + cpu_s / most * (WIDTH - LEFT - MARGIN)
        return x, HEIGHT - BOTTOM - (psnr - low) / (high - low) * (HEIGHT - BOTTOM - MARGIN)

    points = [place(row[1], row[2]) for row in rows]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"',
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
    ]
    for psnr in range(low, high + 1):
        x, y = place(0, psnr)
        parts.append(f'<path d="M{x:.0f} {y:.1f}H{WIDTH - MARGIN}" stroke="#ddd"/>')
        parts.append(f'<text x="{x - 8:.0f}" y="{y + 4:.1f}" text-anchor="end">{psnr}</text>')
    for number in range(6):
        x, y = place(most * number / 5, low)
        parts.append(f'<text x="{x:.0f}" y="{y + 18:.0f}" text-anchor="middle">{most * number / 5:.0f}</text>')
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts.append(f'<polyline points="{line}" fill="none" stroke="#06c" stroke-width="2"/>')
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#06c"/>' for x, y in points]
    parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 8}" text-anchor="middle">CPU seconds of training</text>')
    parts.append(f'<text x="{LEFT}" y="12">held-out PSNR, dB</text></svg>')
    return "\n".join(parts) + "\n"
