"""Frames as files: an animated GIF by Pillow, an MP4 (H.264) by ffmpeg, which the package imageio-ffmpeg brings along.

imageio-ffmpeg is an optional extra: its ffmpeg is large and under the GPL, a training machine needs no
films, and the GIF needs nothing but Pillow.
"""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from arena.errors import ArenaError
from arena.plots.style import animated
from arena.trace.writing import write_whole

HELD = 1.5
"""Seconds that the last frame is shown longer."""
LONGEST = 13.0
"""Most seconds of all frames, without that."""
FASTEST, USUAL = 25, 10
"""Frames in a second: most, and fewest."""
WIDEST_GIF = 1000
"""Most dots of the width of a GIF."""


def rate(frames: int) -> int:
    """Return the frames in a second.

    Example:
        >>> rate(60), rate(300), rate(20)
        (10, 24, 10)
    """
    return min(FASTEST, max(USUAL, -int(-frames // LONGEST)))


def can_write_mp4() -> bool:
    """Return whether imageio-ffmpeg is installed, with its ffmpeg."""
    try:
        import imageio_ffmpeg

        imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError, OSError):
        return False
    return True


def check_mp4() -> None:
    """Raise ArenaError if imageio-ffmpeg is not installed."""
    if not can_write_mp4():
        raise ArenaError("an MP4 needs imageio-ffmpeg, which is not installed. Fix: pip install 'two-player-arena[film]', or write a .gif")


def write_mp4(frames: Iterable[Image.Image], size: tuple[int, int], fps: int, path: Path) -> None:
    """Write frames of an even width and height as H.264, which every browser and every slide programme plays.

    Raises:
        ArenaError: imageio-ffmpeg is not installed, or its ffmpeg fails.
        OSError: The disk is full or read-only; a former file stays.
    """
    check_mp4()
    import imageio_ffmpeg

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "film.mp4"
        more = ["-crf", "18", "-preset", "veryfast", "-movflags", "+faststart", "-threads", "2"]
        writer = imageio_ffmpeg.write_frames(
            file, size, fps=fps, codec="libx264", quality=None, macro_block_size=2, output_params=more, ffmpeg_log_level="error"
        )
        try:
            writer.send(None)
            for frame in frames:
                writer.send(frame.tobytes())
        except OSError as error:
            raise ArenaError(f"ffmpeg stopped ({' '.join(str(error).split())[:120]}). Fix: give --out a name that ends in .gif") from error
        finally:
            writer.close()
        write_whole(path, file.read_bytes())


def write_gif(frames: Sequence[Image.Image], fps: int, path: Path, width: int = WIDEST_GIF) -> None:
    """Write frames as a GIF that loops; wider ones are made as narrow as `width`."""
    shown = [frame if frame.width <= width else _narrowed(frame, width) for frame in frames]
    write_whole(path, animated(shown, round(100 / fps) * 10, round(1000 * HELD)))


def _narrowed(frame: Image.Image, width: int) -> Image.Image:
    return frame.resize((width, round(frame.height * width / frame.width)), Image.Resampling.LANCZOS)
