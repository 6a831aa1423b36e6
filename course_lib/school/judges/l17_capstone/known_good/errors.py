"""What may go wrong at a theatre's counter, by name. Two more are the library's: NotFound and KeyReused."""

from course_lib.errors import CourseError


class SoldOut(CourseError):
    def __init__(self, show_id: int) -> None:
        self.show_id = show_id
        super().__init__(f"show {show_id} has no free seat")


class TooLate(CourseError):
    def __init__(self, booking_id: int) -> None:
        self.booking_id = booking_id
        super().__init__(f"booking {booking_id} was not paid in time")


class AlreadyPaid(CourseError):
    """Paid before, and with another key."""

    def __init__(self, booking_id: int) -> None:
        self.booking_id = booking_id
        super().__init__(f"booking {booking_id} is paid already")


class WrongAmount(CourseError):
    def __init__(self, booking_id: int, cents: int, price: int) -> None:
        self.booking_id, self.cents, self.price = booking_id, cents, price
        super().__init__(f"booking {booking_id} costs {price} cents, and {cents} were paid")
