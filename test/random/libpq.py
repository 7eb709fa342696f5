"""The little of libpq that the random views need, through ctypes."""
import ctypes
import ctypes.util

_pq = ctypes.CDLL(ctypes.util.find_library('pq') or 'libpq.so.5')


def _declare(name, result, *args):
    function = getattr(_pq, name)
    function.restype = result
    function.argtypes = args
    return function


_P, _S, _I = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
_connect = _declare('PQconnectdb', _P, _S)
_finish = _declare('PQfinish', None, _P)
_status = _declare('PQstatus', _I, _P)
_error = _declare('PQerrorMessage', _S, _P)
_exec = _declare('PQexec', _P, _P, _S)
_result_status = _declare('PQresultStatus', _I, _P)
_field = _declare('PQresultErrorField', _S, _P, _I)
_ntuples = _declare('PQntuples', _I, _P)
_nfields = _declare('PQnfields', _I, _P)
_value = _declare('PQgetvalue', _S, _P, _I, _I)
_isnull = _declare('PQgetisnull', _I, _P, _I, _I)
_clear = _declare('PQclear', None, _P)
_state = _declare('PQtransactionStatus', _I, _P)
_put = _declare('PQputCopyData', _I, _P, _S, _I)
_put_end = _declare('PQputCopyEnd', _I, _P, _S)
_get = _declare('PQgetResult', _P, _P)

TUPLES_OK, COPY_IN, BAD, FATAL = 2, 4, 5, 7


class Error(Exception):
    def __init__(self, sqlstate, message, detail=''):
        super().__init__(f'{sqlstate} {message}')
        self.sqlstate, self.message, self.detail = sqlstate, message, detail


class Connection:
    def __init__(self, options):
        self.handle = _connect(options.encode())
        if _status(self.handle) != 0:
            raise Error('08000', _error(self.handle).decode().strip())

    def close(self):
        _finish(self.handle)

    def aborted(self):
        return _state(self.handle) == 3

    def in_transaction(self):
        return _state(self.handle) != 0

    def run(self, sql):
        """the rows of a statement, as lists of text or None; raises Error"""
        text, _, data = sql.partition(' FROM STDIN;\n')
        if data:
            text += ' FROM STDIN'
        result = _exec(self.handle, text.encode())
        if _result_status(result) == COPY_IN:
            _clear(result)
            lines = data.rsplit('\\.', 1)[0].encode()
            _put(self.handle, lines, len(lines))
            _put_end(self.handle, None)
            result = _get(self.handle)
            while extra := _get(self.handle):
                _clear(extra)
        try:
            if _result_status(result) in (BAD, FATAL):
                raise Error(*((_field(result, ord(c)) or b'').decode()
                              for c in 'CMD'))
            return [[None if _isnull(result, i, j)
                     else _value(result, i, j).decode()
                     for j in range(_nfields(result))]
                    for i in range(_ntuples(result))]
        finally:
            _clear(result)
