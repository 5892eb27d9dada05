"""Daylight: a painted sky with clouds, and a sun that casts sharp shadows."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any

import mitsuba as mi
import numpy as np

from .textures import noise


@dataclass(frozen=True)
class Weather:
    """Sun angles in radians; `cloud` is the covered share of the sky, `haze` the sight in metres."""

    azimuth: float
    height: float
    cloud: float
    sun: float
    haze: float


def make_weather(rng: random.Random) -> Weather:
    """Draw clear, cloudy, overcast or evening light."""
    kind = rng.choices(["clear", "cloudy", "overcast", "evening"], [0.36, 0.3, 0.14, 0.2])[0]
    azimuth = rng.uniform(0, 2 * math.pi)
    height = math.radians(rng.uniform(22, 62) if kind != "evening" else rng.uniform(6, 14))
    cloud = {
        "clear": rng.uniform(0, 0.25),
        "cloudy": rng.uniform(0.35, 0.65),
        "overcast": 1.0,
        "evening": rng.uniform(0.1, 0.55),
    }[kind]
    sun = {
        "clear": rng.uniform(5, 7),
        "cloudy": rng.uniform(3, 5.5),
        "overcast": 0.0,
        "evening": rng.uniform(3, 4.5),
    }[kind]
    return Weather(azimuth, height, cloud, sun, rng.uniform(700, 2500) * (0.5 if kind == "overcast" else 1))


def sun_direction(weather: Weather) -> np.ndarray:
    """Return the unit vector towards the sun."""
    return np.array(
        [
            math.cos(weather.height) * math.cos(weather.azimuth),
            math.sin(weather.height),
            math.cos(weather.height) * math.sin(weather.azimuth),
        ]
    )


def _low(weather: Weather) -> float:
    """Return how low the sun stands: 0 by day, 1 at the horizon."""
    return float(np.clip((math.radians(20) - weather.height) / math.radians(18), 0, 1))


def horizon_colour(weather: Weather) -> np.ndarray:
    """Return the linear colour of the far haze."""
    day, evening = np.array([0.62, 0.76, 0.98]), np.array([1.0, 0.66, 0.42])
    grey = np.array([0.8, 0.83, 0.87])
    clear = day * (1 - _low(weather)) + evening * _low(weather)
    return clear * (1 - weather.cloud * 0.6) + grey * weather.cloud * 0.6


def sky_image(weather: Weather, art: np.random.RandomState) -> np.ndarray:
    """Return the sky as a latitude-longitude image of linear radiance (rows from the zenith down)."""
    height, width = 256, 512
    elevation = (0.5 - (np.arange(height) + 0.5) / height) * np.pi
    around = (np.arange(width) + 0.5) / width * 2 * np.pi
    el, az = np.meshgrid(elevation, around, indexing="ij")
    # Mitsuba's map has u = 0 along -z, growing towards +x, with its pole along +y.
    direction = np.stack([np.cos(el) * np.sin(az), np.sin(el), -np.cos(el) * np.cos(az)], -1)
    up = np.clip(direction[..., 1], 0, 1)[..., None]
    zenith = np.array([0.10, 0.25, 0.66]) * (1 - 0.55 * _low(weather))
    horizon = horizon_colour(weather)
    sky = zenith + (horizon - zenith) * np.exp(-up * 4.5)
    facing = np.clip(direction @ sun_direction(weather), 0, 1)[..., None]
    warm = np.array([1.0, 0.9, 0.75]) * (1 - _low(weather)) + np.array([1.0, 0.55, 0.25]) * _low(weather)
    sky = sky + warm * (0.9 * facing**24 + 0.35 * facing**5) * (1 - 0.9 * (weather.cloud >= 1))
    plane = direction[..., [0, 2]] / (up + 0.12)
    field = noise(art, 512, 512, 3, 7)
    at = np.clip((plane * 26 + 256).astype(int), 0, 511)
    density = field[at[..., 0], at[..., 1]][..., None]
    cut = np.quantile(field, 1 - min(weather.cloud, 0.97))
    cover = np.clip((density - cut) / 0.16, 0, 1) * (1 - np.exp(-up * 14))
    bright = 0.62 + 0.5 * (1 - density) + 0.8 * facing**8 * (weather.cloud < 1)
    cloud = bright * (np.array([1.0, 1.0, 1.02]) * (1 - _low(weather)) + np.array([1.0, 0.72, 0.58]) * _low(weather))
    sky = sky * (1 - cover) + cloud * cover
    return np.where(direction[..., 1:2] < 0, horizon * 0.5, sky).astype(np.float32)


def emitters(weather: Weather, art: np.random.RandomState) -> dict[str, Any]:
    """Return the light sources of a scene."""
    lights: dict[str, Any] = {"sky": {"type": "envmap", "bitmap": mi.Bitmap(sky_image(weather, art))}}
    if weather.sun > 0:
        tint = np.array([1.0, 0.93, 0.82]) * (1 - _low(weather)) + np.array([1.0, 0.6, 0.32]) * _low(weather)
        lights["sun"] = {
            "type": "directional",
            "direction": [float(-v) for v in sun_direction(weather)],
            "irradiance": {"type": "rgb", "value": [float(v) for v in weather.sun * tint]},
        }
    return lights
